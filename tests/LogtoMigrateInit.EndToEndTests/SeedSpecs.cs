using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>An empty or missing database is seeded when that is wanted, and only then.</summary>
public sealed class SeedSpecs(SharedServers servers)
{
    private const string SeedCommand = "db seed";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 900_000)]
    [InlineData(14, true)]
    [InlineData(18, true)]
    [InlineData(14, false)]
    [InlineData(17, false, Traits = ["Run", "quick"])]
    public async Task With_seeding_on_an_empty_or_missing_database_becomes_Logtos(int major, bool exists)
    {
        await using var scenario = await CreateAsync(major, exists);

        var result = await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", exists ? "true" : "create"));
        var again = await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true"), ("LOGTO_INIT_NODE", "/nonexistent/node"));

        Expect.Ending(Expect.Success, result);
        Expect.Ending(Expect.Success, again);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
        Expect.LogContains($"Logged in as 2 of 2 of Logto's own roles (2 in all): logto_tenant_{scenario.Database}_admin, logto_tenant_{scenario.Database}_default", result);
    }

    [Theory(Timeout = 900_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_three_replicas_one_seeds(bool exists)
    {
        await using var scenario = await CreateAsync(18, exists);
        using var node = new CountingNode();

        var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ =>
            scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "create"), ("LOGTO_INIT_NODE", node.Path))));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Equal(1, node.Count(SeedCommand));
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("migrate", true, Expect.Empty, Traits = ["Run", "quick"])]
    [InlineData("check", true, Expect.Empty)]
    [InlineData("migrate", false, Expect.Refused, Traits = ["Run", "quick"])]
    [InlineData("check", false, Expect.Refused)]
    public async Task With_seeding_off_nothing_is_created(string command, bool exists, int exitCode)
    {
        await using var scenario = await CreateAsync(17, exists);

        var result = await scenario.RunAsync(command);

        Expect.Ending(exitCode, result);
        Expect.LogContains("LOGTO_INIT_SEED", result);
        Assert.Equal(exists, await scenario.Server.DatabaseExistsAsync(scenario.Database, Token));
        if (exists)
        {
            Assert.Equal(0, await scenario.Server.QuerySingleAsync<long>(
                scenario.Database, "select count(*) from pg_tables where schemaname = 'public'", Token));
        }
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task With_seeding_on_a_check_tells_what_migrate_would_do_and_not_to_switch_it_on()
    {
        await using var scenario = await CreateAsync(17, exists: true);

        foreach (var seed in new[] { "true", "create" })
        {
            var result = await scenario.RunAsync("check", ("LOGTO_INIT_SEED", seed));

            Expect.Ending(Expect.Empty, result);
            Assert.Contains("is empty. Next: run `logto-migrate-init migrate`, which seeds it", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task A_database_that_is_missing_is_not_created_for_an_existing_one()
    {
        await using var scenario = await CreateAsync(18, exists: false);

        Expect.Ending(Expect.Refused, await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true")));
        Assert.False(await scenario.Server.DatabaseExistsAsync(scenario.Database, Token));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_seed_that_failed_says_that_the_database_is_still_empty_only_after_having_looked()
    {
        await using var scenario = await CreateAsync(18, exists: true);

        var result = await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true"), ("LOGTO_INIT_SEED_ARGUMENTS", "--test=nonsense --no-such"), ("OIDC_PRIVATE_KEY_PATHS", "/nonexistent"));

        Expect.Ending(6, result);
        Assert.Contains("The database is still empty", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(0, await scenario.Server.QuerySingleAsync<long>(scenario.Database, "select count(*) from pg_tables where schemaname = 'public'", Token));
    }

    private async Task<LogtoWorld> CreateAsync(int major, bool exists)
    {
        var server = await servers.GetAsync(major);
        var database = PostgresDatabases.UniqueName("empty");
        if (exists)
        {
            await server.CreateDatabaseAsync(database, cancellationToken: Token);
        }

        return new LogtoWorld(server, database, await LogtoRelease.Newest.CopyAsync(Token));
    }

    /// <summary>Two servers behind one name, or a pooler that knows only the database "postgres".</summary>
    [Fact(Timeout = 300_000)]
    public async Task A_database_that_is_missing_and_exists_ends_the_run_and_is_not_asked_for_without_end()
    {
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        await using var listener = StartupListener.OnLoopback((database, sql) => (database, sql) switch
        {
            ("logto", null) => "3D000",
            ("postgres", { } statement) when statement.Contains("create database", StringComparison.OrdinalIgnoreCase) => "42P04",
            _ => null,
        });
        var variables = cli.Variables($"postgres://u:pass@127.0.0.1:{listener.Port}/logto", "deploy");
        variables["LOGTO_INIT_SEED"] = "create";

        var result = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);

        Expect.Ending(Expect.Refused, result);
        Assert.Contains("'logto'", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.InRange(listener.Take().Count(greeting => greeting["database"] == "postgres"), 1, 3);
    }
}
