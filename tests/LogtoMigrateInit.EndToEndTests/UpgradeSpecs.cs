using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database of an earlier release becomes that of a later one.</summary>
public sealed class UpgradeSpecs(SharedServers servers)
{
    // The state that `db alteration rollback 1.19.0` of 1.43.0 leaves, 106 alterations below its last.
    private const int StateOf119 = 1723448980;

    // Each way from one of the releases to a later one, and each version of PostgreSQL.
    [Theory(Timeout = 180_000)]
    [InlineData(14, "1.37.1", "1.43.0")]
    [InlineData(15, "1.37.1", "1.40.1")]
    [InlineData(16, "1.40.1", "1.42.0")]
    [InlineData(17, "1.42.0", "1.43.0")]
    [InlineData(18, "1.37.1", "1.42.0")]
    [InlineData(18, "1.40.1", "1.43.0")]
    public async Task An_older_database_is_migrated_once_and_matches_from_then_on(int major, string from, string to)
    {
        var target = new LogtoRelease(to);
        await using var scenario = await Scenario.CreateAsync(servers, major, new LogtoRelease(from), target);

        var first = await scenario.RunAsync("migrate");
        var second = await scenario.RunAsync("migrate", ("LOGTO_INIT_NODE", "/nonexistent/node"));

        Expect.Ending(Expect.Success, first);
        Assert.Equal(target.LastTimestamp, await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
        Expect.Ending(Expect.Success, second);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_database_of_1_19_catches_up_over_106_alterations()
    {
        var release = LogtoRelease.Newest;
        await using var scenario = await Scenario.CreateAsync(servers, 18, release, release);
        await release.RollbackAsync(scenario.Url, "1.19.0", TestContext.Current.CancellationToken);
        Assert.Equal(StateOf119, await scenario.StateAsync());

        var result = await scenario.RunAsync("migrate");

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("106 of ", result);
        Expect.LogContains("106/106 1.43.0 ", result);
        Assert.Equal(release.LastTimestamp, await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }
}
