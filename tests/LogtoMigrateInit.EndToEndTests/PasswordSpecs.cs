using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A password that PostgreSQL takes from <c>psql</c> it also takes from the gate, whatever letters it has and however it is asked for.</summary>
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

    [Theory(Timeout = 180_000)]
    [InlineData("scram-sha-256", "scram-sha-256")]
    [InlineData("md5", "md5")]
    [InlineData("scram-sha-256", "md5")] // the server asks for SCRAM all the same
    [InlineData("scram-sha-256", "password")]
    [InlineData("md5", "password")]
    public async Task What_psql_may_enter_with_the_gate_may_too(string kept, string askedFor)
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), FakeWorld.After);
        await AskForAsync(server, askedFor);
        string[] passwords = [.. Prepared, .. Refused, .. Plain];
        foreach (var (index, password) in passwords.Index())
        {
            await server.ExecuteAsync("postgres", $"set password_encryption = '{kept}'; create role user_{index} superuser login password '{password}'", Token);
        }

        var urls = passwords.Select((password, index) => server.Url(world.Database, $"user_{index}", password)).ToArray();
        var scram = kept == "scram-sha-256" && askedFor != "password";
        var logto = await Slonik.ConnectAsync(urls, new Dictionary<string, string>(), Token);

        foreach (var (index, password) in passwords.Index())
        {
            Assert.Equal((password, true), (password, await PsqlEntersAsync(urls[index]) ?? true));
            Assert.Equal((password, 0), (password, await GateAsync(world, urls[index])));

            // node-postgres prepares what the RFC refuses, and is itself refused.
            Assert.Equal((password, !scram || !Refused.Contains(password)), (password, logto[index].Error is null));
        }

        Assert.Equal(4, await GateAsync(world, server.Url(world.Database, "user_0", "m³")));
        Assert.Equal(scram || askedFor == "password" && kept != "md5" ? 0 : 4, await GateAsync(world, server.Url(world.Database, "user_0", "m2")));
    }

    [Fact(Timeout = 120_000)]
    public async Task Where_the_image_has_a_node_postgres_that_does_not_prepare_passwords_the_gate_is_refused_as_Logto_is()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), FakeWorld.After);
        await server.ExecuteAsync("postgres", "create role metre superuser login password 'm²'; create role plain superuser login password 'é'", Token);
        await InstallAsync(world, "const saltedPassword = await crypto.deriveKey(password, saltBytes, sv.iteration)");

        var refused = await world.CheckAsync(("DB_URL", server.Url(world.Database, "metre", "m²")));
        var entered = await world.CheckAsync(("DB_URL", server.Url(world.Database, "plain", "é")));

        Assert.Equal((4, 0), (refused.ExitCode, entered.ExitCode));
        Assert.Contains("SASLprep", refused.StandardError, StringComparison.Ordinal);
        Assert.DoesNotContain("SASLprep", entered.StandardError, StringComparison.Ordinal);

        await InstallAsync(world, "return password.replace(nonAsciiSpace, ' ').replace(mappedToNothing, '').normalize('NFKC')");
        Assert.Equal(0, await GateAsync(world, server.Url(world.Database, "metre", "m²")));
    }

    private static async Task<int> GateAsync(FakeWorld world, string url) => (await world.CheckAsync(("DB_URL", url))).ExitCode;

    /// <summary>Null where it is not installed.</summary>
    private static async Task<bool?> PsqlEntersAsync(string url) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "psql")))
            ? (await Tool.TryRunAsync("psql", ["--no-psqlrc", "--command=select", url], cancellationToken: Token)).ExitCode == 0
            : null;

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

    /// <summary>Puts a node-postgres into the installation, as pnpm does: slonik is a link, and the package lies beside its target.</summary>
    private static async Task InstallAsync(FakeWorld world, string code)
    {
        var store = Path.Combine(world.Cli.Directory, "node_modules", ".pnpm", "slonik", "node_modules");
        var crypto = Directory.CreateDirectory(Path.Combine(store, "pg", "lib", "crypto")).FullName;
        await File.WriteAllTextAsync(Path.Combine(crypto, "sasl.js"), code, Token);
        var slonik = Directory.CreateDirectory(Path.Combine(store, "@silverhand", "slonik")).FullName;
        var link = Path.Combine(Directory.CreateDirectory(Path.Combine(world.Cli.CliDirectory, "node_modules", "@silverhand")).FullName, "slonik");
        if (!Path.Exists(link))
        {
            Directory.CreateSymbolicLink(link, slonik);
        }
    }
}
