using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database of an earlier release becomes that of a later one.</summary>
public sealed class UpgradeSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Each way from one of the releases to a later one, and each version of PostgreSQL.
    [Theory(Timeout = 1_200_000)]
    [InlineData(14, "1.37.1", "1.43.0", null)]
    [InlineData(14, "1.40.1", "1.42.0", null)]
    [InlineData(17, "1.40.1", "1.43.0", null, Traits = ["Run", "quick"])]
    [InlineData(15, "1.37.1", "1.40.1", null)]
    [InlineData(16, "1.42.0", "1.43.0", null)]
    [InlineData(17, "1.43.0", "1.43.0", "1.19.0")]
    [InlineData(15, "1.37.1", "1.42.0", null)]
    [InlineData(18, "1.37.1", "1.43.0", null)]
    public async Task An_older_database_is_migrated_once_matches_from_then_on_and_is_what_the_target_itself_creates(int major, string from, string to, string? rollback)
    {
        var target = new LogtoRelease(to);
        await using var world = await LogtoWorld.CreateAsync(servers, major, new LogtoRelease(from), rollback, to: target);
        var pending = target.CountAfter(await world.Server.StateAsync(world.Database, Token));

        var first = await world.RunAsync(["migrate"]);
        var second = await world.RunAsync(["migrate"], ("LOGTO_INIT_NODE", "/nonexistent/node"));
        var drift = await world.RunAsync(["check", "--drift", "--output", "json"]);

        Expect.Ending(Expect.Success, first);
        Expect.LogContains($"{pending} of the {target.AlterationCount} ", first);
        Expect.LogContains($"{pending}/{pending} ", first);
        Assert.Equal(target.LastTimestamp, await world.Server.StateAsync(world.Database, Token));
        Assert.True((await world.Target.PreconditionsAsync(world.Url, Token)).WouldStart);
        Expect.Ending(Expect.Success, second);
        Expect.Ending(Expect.Success, drift);
        var found = JsonNode.Parse(drift.StandardOutput)!["drift"]!;
        Assert.Empty(found["differences"]!.AsArray());
        Assert.Empty(found["notLogtos"]!.AsArray());
        Assert.True((int)found["compared"]! > 1300, $"{found["compared"]}");
        await world.LeavesNothingAsync();
    }
}
