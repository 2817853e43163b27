using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Two hundred replicas at once on a server with thirty connections. The times are printed, not asserted.</summary>
public sealed class LoadSpecs(ITestOutputHelper output)
{
    private const int Replicas = 200;

    private static readonly Dictionary<string, string> FewConnections = new() { ["max_connections"] = "30" };

    [Theory(Timeout = 300_000)]
    [InlineData("deploy", true)]
    [InlineData("deploy", false)]
    public async Task Two_hundred_replicas_pass_with_at_most_one_run_of_the_CLI(string mode, bool pending)
    {
        await using var server = await PostgresServer.StartAsync(17, FewConnections, FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), pending ? FakeWorld.Before : FakeWorld.After);

        var results = await Task.WhenAll(Enumerable.Range(0, Replicas).Select(_ => RunAsync(world, mode)));

        Report(pending ? "pending" : "nothing pending", results);
        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Equal((pending ? 1 : 0) + RunsThatFoundNoConnection(results), (await world.Cli.RunsAsync(FakeWorld.Token)).Count);
        Assert.Equal(pending ? 1 : 0, results.Count(result => result.StandardError.Contains("alterations deployed", StringComparison.Ordinal)));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task Two_hundred_replicas_pass_when_the_holder_is_killed_half_way()
    {
        await using var server = await PostgresServer.StartAsync(17, FewConnections, FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var running = Enumerable.Range(0, Replicas).Select(_ => RunAsync(world, "deploy")).ToArray();

        holder.Kill();

        var results = await Task.WhenAll(running);
        Report("holder killed", results);
        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Equal(2 + RunsThatFoundNoConnection(results), (await world.Cli.RunsAsync(FakeWorld.Token)).Count);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    private static Task<GateResult> RunAsync(FakeWorld world, string mode) =>
        Gate.RunAsync([], world.Variables(mode, ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "120")), TimeSpan.FromSeconds(240), FakeWorld.Token);

    /// <summary>With so many replicas the CLI itself may find the server full before it did anything; the holder of the lock starts it again.</summary>
    private static int RunsThatFoundNoConnection(GateResult[] results) =>
        results.Sum(result => result.LogLines.Count(line => line.Contains("found the server full", StringComparison.Ordinal)));

    private void Report(string name, GateResult[] results)
    {
        var seconds = results.Select(result => result.Elapsed.TotalSeconds).Order().ToArray();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: fastest {seconds[0]:0.00} s, quartiles {seconds[Replicas / 4]:0.00} / {seconds[Replicas / 2]:0.00} / {seconds[Replicas * 3 / 4]:0.00} s, slowest {seconds[^1]:0.00} s"));
    }
}
