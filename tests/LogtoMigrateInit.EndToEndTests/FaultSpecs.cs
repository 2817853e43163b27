using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// Faults of the network, the server and the machine. Each ends with the standing rule: a plain run succeeds with no hand on the
/// database, and nothing is left behind.
/// </summary>
public sealed class FaultSpecs(SharedServers servers)
{
    private const string GateName = "logto-migrate-init";

    /// <summary>The shortest, so that what waits for its end is not waited for long.</summary>
    private static readonly (string, string?) Lease = ("LOGTO_INIT_LOCK_LEASE_SECONDS", "6");

    private static bool IsGate(string name) => name == GateName;

    private static bool IsCli(string name) => name.StartsWith($"{GateName}-cli-", StringComparison.Ordinal);

    [Fact(Timeout = 600_000)]
    public async Task A_half_open_lock_connection_stops_the_CLI_and_its_lease_ends()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("hold", FakeWorld.Through(proxy, world), Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        proxy.Swallow(IsGate);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.True(result.ExitCode == 6, $"{result}");
        Assert.Contains("lock was lost", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_half_open_connection_of_the_CLI_is_noticed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("hold", FakeWorld.Through(proxy, world), Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        // As when the server gave up, or failed over, and its farewell never arrived.
        proxy.Swallow(IsCli);
        await world.Server.ExecuteAsync(
            world.Database, $"select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and starts_with(application_name, '{GateName}-cli-')", FakeWorld.Token);
        await world.Cli.LetGoAsync(FakeWorld.Token);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.True(result.ExitCode == 6, $"{result}");
        Assert.Contains("lost its connection", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task All_connections_half_open_at_once_end_the_run()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("hold", FakeWorld.Through(proxy, world), Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        proxy.Swallow(_ => true);

        Assert.Equal(6, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task The_lock_time_out_counts_from_the_first_time_that_the_lock_was_found_taken()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var later = new TcpProxy(world.Server.Port);
        var address = FakeWorld.Through(later, world);
        await later.DisposeAsync();
        await using var waiter = world.Start("deploy", address, ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "2"));
        await waiter.WaitForLineAsync("Waiting for the database", cancellationToken: FakeWorld.Token);

        await Task.Delay(TimeSpan.FromSeconds(2.5), FakeWorld.Token); // longer than it would wait for a lock
        await using var proxy = new TcpProxy(world.Server.Port, later.Port);

        var result = await waiter.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.Equal(5, result.ExitCode);
        Assert.Contains("Another session holds the migration lock", result.StandardError, StringComparison.Ordinal);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Expect.Ending(Expect.Success, await holder.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Theory(Timeout = 600_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cut_connection_ends_the_run_and_the_next_one_carries_on(bool ofTheGate)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("hold", FakeWorld.Through(proxy, world), Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        proxy.Cut(ofTheGate ? IsGate : IsCli);
        if (!ofTheGate)
        {
            await world.Cli.LetGoAsync(FakeWorld.Token);
        }

        Assert.Equal(6, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await world.RecoversAsync();
    }

    [Theory(Timeout = 600_000)]
    [InlineData(StopMode.Immediate)]
    [InlineData(StopMode.Fast, Traits = ["Run", "quick"])]
    public async Task A_server_that_stops_during_a_deploy_ends_the_run_and_the_next_one_carries_on(StopMode mode)
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var gate = world.Start("hold");
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        await server.StopAsync(mode);
        await server.StartAgainAsync(FakeWorld.Token);

        Assert.Equal(6, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_server_that_restarts_while_a_replica_waits_is_waited_for()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await using var waiter = world.Start();
        await waiter.WaitForLineAsync("Another session holds", cancellationToken: FakeWorld.Token);

        await server.StopAsync(StopMode.Immediate);
        await waiter.WaitForLineAsync("Waiting for the database", cancellationToken: FakeWorld.Token);

        // Later it might find that the other one has done all there was to do, and end with 0.
        Assert.Equal(6, (await holder.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await server.StartAgainAsync(FakeWorld.Token);

        Assert.Equal(0, (await waiter.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_frozen_holder_loses_its_CLI_and_its_lease_and_finds_out_when_it_comes_back()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var frozen = world.Start("hold", Lease);
        await frozen.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;

        frozen.Signal(Signals.Stop);
        var result = await world.RunAsync();

        Assert.True(result.ExitCode == 0, $"{result}");
        Assert.Contains("2 alterations deployed", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal('Z', StateOf(cli));
        frozen.Signal(Signals.Continue);
        // Its CLI is dead, and what it was to do has been done by the other one.
        Assert.Equal(0, (await frozen.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        Assert.Equal(2, (await world.Cli.RunsAsync(FakeWorld.Token)).Count);
        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData("exists (select from pg_stat_activity where application_name = 'logto-migrate-init' and datname = current_database())")]
    [InlineData("exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))")]
    [InlineData("exists (select from pg_stat_activity where application_name like 'logto-migrate-init-cli%' and datname = current_database())")]
    [InlineData("(select value->>'timestamp' from systems) > '1779421396'")]
    public async Task A_gate_killed_at_any_moment_is_recovered_from(string moment)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hold");
        await world.WaitUntilAsync(moment);

        gate.Kill();

        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData("exec \"$0\" 2>/dev/full", 0)]
    [InlineData("exec \"$0\" >&- 2>&-", 0)]
    [InlineData("exec \"$0\" check >/dev/full", 0)]
    [InlineData("exec \"$0\" check >&-", 0)]
    [InlineData("\"$0\" 2>&1 | true; exit ${PIPESTATUS[0]}", 0)]
    public async Task A_full_disk_or_a_closed_output_does_not_change_the_ending(string script, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers, script.Contains("check", StringComparison.Ordinal) ? FakeWorld.After : FakeWorld.Before);
        var variables = world.Variables().ToDictionary(each => each.Key, each => each.Value!);
        variables["LOGTO_INIT_NODE"] = Repository.Node;

        var result = await Tool.TryRunAsync("bash", ["-c", script, Repository.Binary], variables, FakeWorld.Token);

        Assert.True(result.ExitCode == exitCode, $"{result}");
        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData("/proc/version")]
    [InlineData("/tmp")]
    [InlineData("/dev/full")]
    public async Task A_termination_log_that_cannot_be_written_does_not_change_the_ending(string file)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        Assert.Equal(0, (await world.RunAsync("deploy", ("LOGTO_INIT_TERMINATION_LOG", file))).ExitCode);
    }

    /// <summary>The letter of <c>/proc/PID/stat</c>: a process whose frozen parent cannot reap it stays a zombie.</summary>
    private static char StateOf(int pid) => File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1][0];
}
