using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>An empty or missing database is seeded when that is wanted, and only then.</summary>
public sealed class SeedSpecs(SharedServers servers)
{
    private const string SeedCommand = "db seed";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 180_000)]
    [InlineData(14, true)]
    [InlineData(18, true)]
    [InlineData(14, false)]
    [InlineData(18, false)]
    public async Task With_seeding_on_an_empty_or_missing_database_becomes_Logtos(int major, bool exists)
    {
        await using var scenario = await CreateAsync(major, exists);

        var result = await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true"));
        var again = await scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true"), ("LOGTO_INIT_NODE", "/nonexistent/node"));

        Expect.Ending(Expect.Success, result);
        Expect.Ending(Expect.Success, again);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Theory(Timeout = 180_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_three_replicas_one_seeds(bool exists)
    {
        await using var scenario = await CreateAsync(18, exists);
        using var node = new CountingNode();

        var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ =>
            scenario.RunAsync("migrate", ("LOGTO_INIT_SEED", "true"), ("LOGTO_INIT_NODE", node.Path))));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Equal(1, node.Count(SeedCommand));
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Theory(Timeout = 60_000)]
    [InlineData("migrate", true, Expect.Empty)]
    [InlineData("check", true, Expect.Empty)]
    [InlineData("migrate", false, Expect.Refused)]
    [InlineData("check", false, Expect.Refused)]
    public async Task With_seeding_off_nothing_is_created(string command, bool exists, int exitCode)
    {
        await using var scenario = await CreateAsync(18, exists);

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

    private async Task<Scenario> CreateAsync(int major, bool exists)
    {
        var server = await servers.GetAsync(major);
        var database = PostgresDatabases.UniqueName("empty");
        if (exists)
        {
            await server.CreateDatabaseAsync(database, cancellationToken: Token);
        }

        return new Scenario(server, database, await LogtoRelease.Newest.CopyAsync(Token));
    }
}
