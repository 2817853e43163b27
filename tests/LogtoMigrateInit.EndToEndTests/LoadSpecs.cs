using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What takes all of the machine runs alone.</summary>
[CollectionDefinition(nameof(LoadSpecs), DisableParallelization = true)]
public sealed class RunsAlone;

/// <summary>
/// Many replicas at once, with Logto's own CLI, on a server with thirty connections and as a user who may have twelve. The times are
/// printed, not asserted; bench/ measures them.
/// </summary>
[Collection(nameof(LoadSpecs))]
public sealed class LoadSpecs(ITestOutputHelper output)
{
    private static readonly Dictionary<string, string> FewConnections = new() { ["max_connections"] = "30" };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Limits that end what hangs: a slow machine needs half a second of its processors for each replica.
    [Theory(Timeout = 900_000)]
    [InlineData(14, 60)]
    [InlineData(17, 200)]
    public async Task Any_number_of_replicas_pass_with_one_deploy(int major, int replicas)
    {
        await using var server = await PostgresServer.StartAsync(major, FewConnections, Token);
        await using var herd = await Herd.CreateAsync(server, Token);

        var results = await Task.WhenAll(Enumerable.Range(0, replicas).Select(_ => herd.RunAsync(Token)));

        Report($"{replicas} at once", results);
        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(results, result => result.StandardError.Contains("22 alterations deployed", StringComparison.Ordinal));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await server.StateAsync(herd.Database, Token));
        Assert.True((await herd.Target.PreconditionsAsync(herd.Url, Token)).WouldStart);
    }

    [Fact(Timeout = 900_000)]
    public async Task Two_hundred_replicas_pass_when_the_holder_is_killed_half_way()
    {
        await using var server = await PostgresServer.StartAsync(17, FewConnections, Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: Token);
        var running = Enumerable.Range(0, 200)
            .Select(_ => Gate.RunAsync([], world.Variables("deploy", ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "600")), TimeSpan.FromSeconds(700), Token)).ToArray();

        holder.Kill();

        var results = await Task.WhenAll(running);
        Report("holder killed", results);
        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(results, result => result.StandardError.Contains("2 alterations deployed", StringComparison.Ordinal));
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    private void Report(string name, GateResult[] results)
    {
        var seconds = results.Select(result => result.Elapsed.TotalSeconds).Order().ToArray();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: fastest {seconds[0]:0.00} s, median {seconds[seconds.Length / 2]:0.00} s, slowest {seconds[^1]:0.00} s"));
    }
}
