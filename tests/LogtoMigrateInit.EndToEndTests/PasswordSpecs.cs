using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Passwords with letters outside ASCII: node-postgres 8.11.3, which the images of Logto carry, sends them as they are, and so does the program.</summary>
public sealed class PasswordSpecs
{
    /// <summary>Each is kept by the server in another form than it is written.</summary>
    private static readonly string[] Prepared =
        ["m²", "µg", "wait…", "a\u00A0b", "cafe\u0301", "ＡＢＣ", "½", "soft\u00ADhyphen", "\u1112\u1161\u11AB", "\u0627\u00B2\u0627"];

    /// <summary>RFC 4013 refuses these, so they are kept as they are: unassigned in its time, a private letter, both directions, a control character.</summary>
    private static readonly string[] Refused = ["m²\u0221", "m²\uE000", "½\u0627", "m²\u0085"];

    /// <summary>Nothing to prepare, or nothing but ASCII.</summary>
    private static readonly string[] Plain = ["é", "пароль", "p@ss word%", "密码"];

    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 900_000)]
    [InlineData("scram-sha-256", "scram-sha-256")]
    [InlineData("md5", "md5")]
    [InlineData("scram-sha-256", "md5")] // the server asks for SCRAM all the same
    [InlineData("scram-sha-256", "password")]
    [InlineData("md5", "password")]
    public async Task A_password_is_sent_as_it_is_and_one_that_the_server_has_prepared_is_refused_with_the_reason(string kept, string askedFor)
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), FakeWorld.After);
        await AskForAsync(server, askedFor);
        string[] passwords = [.. Prepared, .. Refused, .. Plain];
        foreach (var (index, password) in passwords.Index())
        {
            await server.ExecuteAsync("postgres", $"set password_encryption = '{kept}'; create role user_{index} superuser login password '{password}'", Token);
        }

        var isScram = kept == "scram-sha-256" && askedFor != "password";
        foreach (var (index, password) in passwords.Index())
        {
            var result = await world.CheckAsync(("DB_URL", server.Url(world.Database, $"user_{index}", password)));

            var refused = isScram && Prepared.Contains(password);
            Assert.Equal((password, refused ? 4 : 0), (password, result.ExitCode));
            Assert.Equal((password, refused), (password, result.StandardError.Contains("SASLprep", StringComparison.Ordinal)));
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task A_wrong_password_of_plain_letters_is_not_explained_by_its_letters()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), FakeWorld.After);

        var result = await world.CheckAsync(("DB_URL", server.Url(world.Database, PostgresServer.Superuser, "wrong")));

        Assert.Equal(4, result.ExitCode);
        Assert.DoesNotContain("SASLprep", result.StandardError, StringComparison.Ordinal);
    }

    /// <summary>The fixture itself goes on with SCRAM.</summary>
    private static async Task AskForAsync(PostgresServer server, string method)
    {
        await File.WriteAllTextAsync(
            Path.Combine(server.DataDirectory, "pg_hba.conf"), $"host all {PostgresServer.Superuser} all scram-sha-256\nhost all all all {method}\n", Token);
        var before = await server.QuerySingleAsync<DateTime>("postgres", "with now as materialized (select clock_timestamp() as before) select before from now, pg_reload_conf()", Token);
        while (await server.QuerySingleAsync<DateTime>("postgres", "select pg_conf_load_time()", Token) < before)
        {
            await Task.Delay(20, Token);
        }
    }
}
