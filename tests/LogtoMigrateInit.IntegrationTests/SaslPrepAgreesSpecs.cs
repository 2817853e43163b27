using System.Globalization;
using System.Security.Cryptography;
using LogtoMigrateInit.Configuration;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>Passwords are prepared as PostgreSQL prepares them: it keeps a hash of what it made of each, and ours must be the same.</summary>
public sealed class SaslPrepAgreesSpecs(TestServer server)
{
    private const int LastCharacter = 0x10FFFF;

    /// <summary>A mark above and one below: with both, order and composition show.</summary>
    private const string Marks = "\u0301\u0323";

    [Fact(Timeout = 300_000)]
    public async Task The_server_makes_the_same_of_every_kind_of_character()
    {
        // All but most ideographs and Hangul syllables, which are one like the other, and most of the planes that nobody uses.
        var characters = Enumerable.Range(0x80, LastCharacter + 1 - 0x80).Where(code => code switch
        {
            >= 0xD800 and <= 0xDFFF => false,
            >= 0x3400 and < 0xD800 => code % 13 == 0,
            >= 0x13000 and < 0x1D000 or >= 0x20000 and < 0x2F800 => code % 97 == 0,
            >= 0x2FA20 => code % 997 == 0 || (code & 0xFFFF) is 0 or 0xFFFF || code is > 0xE0000 and < 0xE0080,
            _ => true,
        });

        await AgreesAsync([.. characters.Select(code => char.ConvertFromUtf32(code) + Marks)]);
    }

    [Fact(Timeout = 120_000)]
    public async Task The_server_makes_the_same_of_any_text()
    {
        (int First, int Last)[] blocks =
        [
            (0x20, 0x17F), (0xA0, 0xBF), (0x300, 0x345), (0x370, 0x3FF), (0x590, 0x6FF), (0x900, 0xDFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
            (0x2000, 0x206F), (0x2100, 0x218F), (0x3040, 0x30FF), (0xAC00, 0xAC3F), (0xFB1D, 0xFDFF), (0xFF00, 0xFFEF), (0x1D15E, 0x1D1BB),
        ];
#pragma warning disable CA5394 // Nothing secret: the same texts at every run.
        var random = new Random(4013);
        string Text()
        {
            // Few blocks in one text, or hardly any would be free of what is refused.
            var chosen = random.GetItems(blocks, 2);
            return string.Concat(random.GetItems(chosen, random.Next(1, 9)).Select(block => char.ConvertFromUtf32(random.Next(block.First, block.Last + 1))));
        }
#pragma warning restore CA5394

        await AgreesAsync([.. Enumerable.Range(0, 20_000).Select(_ => Text())]);
    }

    /// <summary>Has the server hash all passwords, with one iteration instead of 4,096, and looks for those whose hash is not ours.</summary>
    private async Task AgreesAsync(string[] passwords)
    {
        await using var connection = await server.Server.OpenAsync("postgres", TestContext.Current.CancellationToken);
        await ExecuteAsync(connection, """
            set scram_iterations = 1;
            drop role if exists prepared;
            create role prepared;
            create temporary table passwords (place int primary key, password text, verifier text);
            """);
        await using (var insert = new NpgsqlCommand("insert into passwords select place, password from unnest($1::text[]) with ordinality as given (password, place)", connection))
        {
            insert.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = passwords });
            await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await ExecuteAsync(connection, """
            do $$
            declare
              each record;
            begin
              for each in select place, password from passwords order by place loop
                execute format('alter role prepared password %L', each.password);
                update passwords set verifier = (select rolpassword from pg_authid where rolname = 'prepared') where place = each.place;
                if each.place % 100 = 0 then
                  commit; -- or each statement would have to look through all versions of the role's row
                end if;
              end loop;
            end
            $$;
            """);

        var tables = SaslPrepTables.Read();
        var different = new List<string>();
        await using var select = new NpgsqlCommand("select verifier from passwords order by place", connection);
        await using var verifiers = await select.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        foreach (var password in passwords)
        {
            Assert.True(await verifiers.ReadAsync(TestContext.Current.CancellationToken));
            if (!IsHashOf(verifiers.GetString(0), SaslPrep.Prepare(password, tables)))
            {
                different.Add(string.Join(' ', password.EnumerateRunes().Select(rune => rune.Value.ToString("X4", CultureInfo.InvariantCulture))));
            }
        }

        Assert.True(different.Count == 0, $"{different.Count} of {passwords.Length} differ: {string.Join(", ", different.Take(20))}");
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <param name="verifier"><c>SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey</c></param>
    /// <param name="password">In the form that SCRAM hashes.</param>
    private static bool IsHashOf(string verifier, string password)
    {
        var parts = verifier.Split('$', ':');
        var salted = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(parts[2]), 1, HashAlgorithmName.SHA256, 32);
        return parts[3] == Convert.ToBase64String(SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8)));
    }
}
