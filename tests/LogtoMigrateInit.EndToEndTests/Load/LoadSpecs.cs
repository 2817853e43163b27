using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Load;

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

    private const int FewForTheOwner = 12;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Limits that end what hangs: a slow machine needs half a second of its processors for each replica.
    [Fact(Timeout = 4_500_000)]
    public async Task Sixty_replicas_pass_with_one_deploy_and_leave_room_for_another_client()
    {
        await using var server = await PostgresServer.StartAsync(14, FewConnections, Token);
        await using var herd = await Herd.CreateAsync(server, FewForTheOwner, Token);

        var results = await RunWhileLockedAsync(server, herd, 60);

        Report("60 at once", results);
        await AllPassedAfterOneDeployAsync(herd, results, "22 alterations deployed");
    }

    [Fact(Timeout = 4_500_000)]
    public async Task Two_hundred_replicas_pass_when_the_holder_is_killed_half_way()
    {
        await using var server = await PostgresServer.StartAsync(17, FewConnections, Token);
        await using var herd = await Herd.CreateAsync(server, FewForTheOwner, Token);
        var blocker = await server.OpenAsync(herd.Database, Token);
        await using var execute = new NpgsqlCommand("begin; lock table service_logs in access exclusive mode", blocker);
        await execute.ExecuteNonQueryAsync(Token);
        await using var holder = herd.Start();
        await holder.WaitForLineAsync("waits for a lock", cancellationToken: Token);
        await using var neighbor = new Neighbor(herd.Url, Token);
        var running = Enumerable.Range(0, 200).Select(_ => herd.RunAsync(Token)).ToArray();

        await neighbor.HasTriedAsync();
        holder.Kill();
        await blocker.DisposeAsync();

        var results = await Task.WhenAll(running);
        Report("200 at once, the holder killed", results);
        Assert.Equal([], await neighbor.StopAsync());
        await AllPassedAfterOneDeployAsync(herd, results, "alterations deployed");
    }

    [Fact(Timeout = 4_500_000)]
    public async Task Sixty_replicas_behind_a_session_pool_of_ten_leave_room_for_another_client()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var herd = await Herd.CreateAsync(server, cancellationToken: Token);
        await using var pooler = await PgBouncer.StartAsync(
            server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", Token,
            PgBouncer.KnowsAllRoles + "\npool_mode = session\ndefault_pool_size = 10\nquery_wait_timeout = 30");
        herd.Pooler = pooler;

        var results = await RunWhileLockedAsync(server, herd, 60);

        Report("60 behind a session pool of 10", results);
        herd.Pooler = null;
        await AllPassedAfterOneDeployAsync(herd, results, "22 alterations deployed");
    }

    /// <summary>Runs replicas that wait for a lock until another client has found room beside them.</summary>
    private static async Task<GateResult[]> RunWhileLockedAsync(PostgresServer server, Herd herd, int replicas)
    {
        await using var neighbor = new Neighbor(herd.Url, Token);
        await using var holder = await server.OpenAsync(herd.Database, Token);
        await using var command = new NpgsqlCommand("select pg_advisory_lock(-4823972487516092882)", holder);
        await command.ExecuteNonQueryAsync(Token);
        var running = Enumerable.Range(0, replicas).Select(_ => herd.RunAsync(Token)).ToArray();
        await neighbor.HasTriedAsync();

        await holder.CloseAsync();

        var results = await Task.WhenAll(running);
        Assert.Equal([], await neighbor.StopAsync());
        return results;
    }

    private static async Task AllPassedAfterOneDeployAsync(Herd herd, GateResult[] results, string deploy)
    {
        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(results, result => result.StandardError.Contains(deploy, StringComparison.Ordinal));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await herd.StateAsync(Token));
        Assert.True((await herd.Target.PreconditionsAsync(herd.Url, Token)).WouldStart);
    }

    private void Report(string name, GateResult[] results)
    {
        var seconds = results.Select(result => result.Elapsed.TotalSeconds).Order().ToArray();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: fastest {seconds[0]:0.00} s, median {seconds[seconds.Length / 2]:0.00} s, slowest {seconds[^1]:0.00} s"));
    }
}
