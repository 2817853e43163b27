using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The last line holds the reason, however the real CLI comes to its end.</summary>
public sealed class ReasonSpecs(SharedServers servers)
{
    [Fact(Timeout = 600_000)]
    public async Task A_package_that_is_missing_is_named()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        Directory.Delete(Path.Combine(scenario.Target.Directory, "node_modules", "@logto", "shared"), recursive: true);

        var result = await scenario.RunAsync("migrate");

        Expect.Ending(6, result);
        Assert.Contains("ERR_MODULE_NOT_FOUND]: Cannot find package '@logto/shared'", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_heap_that_is_too_small_is_named_with_its_remedy()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.42.0"), LogtoRelease.Newest);

        var result = await scenario.RunAsync("migrate", ("NODE_OPTIONS", "--max-old-space-size=8"));

        Expect.Ending(6, result);
        Assert.Contains("NODE_OPTIONS=--max-old-space-size=MEGABYTES", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("134 (SIGABRT)", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_CLI_that_the_kernel_killed_is_said_to_have_lacked_memory()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hang");
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);
        Signals.Send(Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid, Signals.Kill);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);

        Expect.Ending(6, result);
        Assert.Contains("137 (SIGKILL, probably because the container or the machine ran out of memory)", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_connection_limit_of_the_role_is_named_with_its_remedy(int limit)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        var user = await scenario.Server.CreateOwnerAsync(scenario.Database, FakeWorld.Token);
        await scenario.ExecuteAsync($"alter role {user} connection limit {limit}");
        var url = ("DB_URL", scenario.Server.Url(scenario.Database, user, PostgresDatabases.OwnerPassword));

        var result = await scenario.RunAsync("migrate", url, ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "2"));

        if (limit == 2 && result.ExitCode == 0)
        {
            // Two are enough when the CLI connects before the watch does, whose connection is the third.
            Expect.Ending(Expect.Success, result);
            return;
        }

        Assert.True(result.ExitCode is 3 or 6, $"{result}");
        Assert.True(FakeWorld.LastLine(result).Contains($"alter role \"{user}\" connection limit", StringComparison.Ordinal), $"{result}");
        Assert.DoesNotContain("host", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await scenario.ExecuteAsync($"alter role {user} connection limit 5"); // what the remedy says
        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate", url));
    }
}
