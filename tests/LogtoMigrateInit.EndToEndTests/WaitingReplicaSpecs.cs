using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A replica that finds the lock taken keeps its connection, and loses nothing with it.</summary>
public sealed class WaitingReplicaSpecs(SharedServers servers)
{
    private const string Waiting = """
        select pid from pg_stat_activity
          where datname = current_database() and application_name = 'logto-migrate-init' and state = 'idle'
        """;

    private static CancellationToken Token => FakeWorld.Token;

    [Fact(Timeout = 300_000)]
    public async Task It_polls_over_one_connection_until_the_lock_is_free()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = await TakeLockAsync(world);
        await using var gate = Gate.Start([], world.Variables());
        await gate.WaitForLineAsync("Another session holds", cancellationToken: Token);
        var pid = await PidAsync(world);
        await PollsTwiceAsync(world, pid);

        Assert.Equal([pid], await world.Server.QueryAsync<int>(world.Database, $"{Waiting} and xact_start is null", Token));
        await holder.CloseAsync();
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: Token));
    }

    [Fact(Timeout = 300_000)]
    public async Task It_polls_over_another_one_when_the_server_has_ended_the_first()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = await TakeLockAsync(world);
        await using var gate = Gate.Start([], world.Variables());
        await gate.WaitForLineAsync("Another session holds", cancellationToken: Token);
        var pid = await PidAsync(world);

        await world.Server.ExecuteAsync(world.Database, $"select pg_terminate_backend({pid})", Token);

        await world.Server.WaitUntilAsync(world.Database, $"exists ({Waiting} and pid <> {pid})", Token);
        await holder.CloseAsync();
        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(Expect.Success, result);
        Assert.DoesNotContain("Waiting for the database", result.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task It_polls_over_another_one_when_nothing_arrives_over_the_first()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var holder = await TakeLockAsync(world);
        await using var gate = Gate.Start([], world.Variables("deploy", FakeWorld.Through(proxy, world)));
        await gate.WaitForLineAsync("Another session holds", cancellationToken: Token);
        var pid = await PidAsync(world);

        proxy.Swallow(_ => true);

        await world.Server.WaitUntilAsync(world.Database, $"exists ({Waiting} and pid <> {pid})", Token);
        await holder.CloseAsync();
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task It_waits_out_a_failover_to_a_standby()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var holder = await TakeLockAsync(world);
        await using var gate = Gate.Start([], world.Variables());
        await gate.WaitForLineAsync("Another session holds", cancellationToken: Token);
        await PidAsync(world);

        await ServerSpecs.BecomeStandbyAsync(server);
        await gate.WaitForLineAsync("in recovery", cancellationToken: Token);
        await server.ExecuteAsync("postgres", "select pg_promote()", Token);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: Token));
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task It_goes_on_after_a_standstill()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = await TakeLockAsync(world);
        await using var gate = Gate.Start([], world.Variables());
        await gate.WaitForLineAsync("Another session holds", cancellationToken: Token);
        var pid = await PidAsync(world);
        gate.Signal(Signals.Stop);
        await holder.CloseAsync();
        await world.Server.ExecuteAsync(world.Database, $"select pg_terminate_backend({pid})", Token);

        gate.Signal(Signals.Continue);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: Token));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_waiting_check_keeps_its_connection_too()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start(["check", "--wait"], world.Variables());
        await gate.WaitForLineAsync("pending", cancellationToken: Token);
        var pid = await PidAsync(world);

        await PollsTwiceAsync(world, pid);

        Expect.Ending(Expect.Success, await world.RunAsync());
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: Token));
    }

    private static async Task<NpgsqlConnection> TakeLockAsync(FakeWorld world)
    {
        var holder = await world.Server.OpenAsync(world.Database, Token);
        await using var statement = new NpgsqlCommand("select pg_advisory_lock(-4823972487516092882)", holder);
        await statement.ExecuteNonQueryAsync(Token);
        return holder;
    }

    private static async Task<int> PidAsync(FakeWorld world)
    {
        await world.Server.WaitUntilAsync(world.Database, $"exists ({Waiting})", Token);
        return Assert.Single(await world.Server.QueryAsync<int>(world.Database, Waiting, Token));
    }

    private static async Task PollsTwiceAsync(FakeWorld world, int pid)
    {
        for (var poll = 0; poll < 2; poll++)
        {
            var last = await world.Server.QuerySingleAsync<DateTime>(
                world.Database, $"select query_start from pg_stat_activity where pid = {pid}", Token);
            await world.Server.WaitUntilAsync(
                world.Database, $"exists (select from pg_stat_activity where pid = {pid} and query_start > '{last:O}')", Token);
        }
    }
}
