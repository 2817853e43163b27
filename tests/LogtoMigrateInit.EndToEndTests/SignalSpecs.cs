using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Signals and death, in every phase.</summary>
public sealed class SignalSpecs(SharedServers servers)
{
    /// <summary>Less than anything takes that a gate could wait for first: an attempt to connect, the patience with a CLI, the deadline after a signal.</summary>
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan WhatDockerGrants = TimeSpan.FromSeconds(10);

    [Theory(Timeout = 300_000)]
    [InlineData(Signals.Terminate, 143, "hang")]
    [InlineData(Signals.Interrupt, 130, "hang")]
    [InlineData(Signals.Terminate, 143, "hang-in-database", Traits = ["Run", "quick"])]
    [InlineData(Signals.Interrupt, 130, "hang-in-database")]
    public async Task A_signal_during_a_deploy_ends_the_CLI_and_its_sessions(int signal, int exitCode, string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start(mode);
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);

        gate.Signal(signal);

        var result = await gate.WaitForExitAsync(WhatDockerGrants, FakeWorld.Token);
        Assert.Equal(exitCode, result.ExitCode);
        await world.LeavesNothingAsync();
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task A_signal_ends_a_stubborn_CLI_too()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hang", ("FAKE_CLI_STUBBORN", "1"));
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);

        gate.Signal(Signals.Terminate);

        Assert.Equal(143, (await gate.WaitForExitAsync(WhatDockerGrants, FakeWorld.Token)).ExitCode);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task Neither_a_stubborn_CLI_nor_a_server_that_is_silent_takes_more_than_Docker_grants()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await using var proxy = new TcpProxy(server.Port);
        await using var gate = world.Start("hang", ("FAKE_CLI_STUBBORN", "1"), FakeWorld.Through(proxy, world));
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;
        proxy.SwallowAll();

        gate.Signal(Signals.Terminate);

        Assert.Equal(143, (await gate.WaitForExitAsync(WhatDockerGrants, FakeWorld.Token)).ExitCode);
        while (Signals.IsAlive(cli))
        {
            await Task.Delay(20, FakeWorld.Token);
        }

        proxy.CutSwallowed();
        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData(Signals.Terminate, 143)]
    [InlineData(Signals.Interrupt, 130)]
    public async Task A_signal_ends_the_wait_for_a_server_at_once(int signal, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("deploy", ("DB_URL", "postgresql://u:p@127.0.0.1:1/logto"));
        await gate.WaitForLineAsync("Waiting for the database", cancellationToken: FakeWorld.Token);

        gate.Signal(signal);

        Assert.Equal(exitCode, (await gate.WaitForExitAsync(AtOnce, FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_signal_ends_the_wait_for_the_lock_at_once()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await using var waiter = world.Start();
        await waiter.WaitForLineAsync("Another session holds", cancellationToken: FakeWorld.Token);

        waiter.Signal(Signals.Terminate);

        Assert.Equal(143, (await waiter.WaitForExitAsync(AtOnce, FakeWorld.Token)).ExitCode);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Assert.Equal(0, (await holder.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("hang")]
    [InlineData("hang-in-database")]
    public async Task The_CLI_does_not_outlive_a_killed_gate(string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start(mode, ("FAKE_CLI_STUBBORN", "1"));
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);

        gate.Kill();

        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;
        while (Signals.IsAlive(cli))
        {
            await Task.Delay(20, FakeWorld.Token);
        }

        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task A_waiting_replica_takes_over_when_the_holder_is_killed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await using var waiter = world.Start();
        await waiter.WaitForLineAsync("Another session holds", cancellationToken: FakeWorld.Token);

        holder.Kill();

        var result = await waiter.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("2 alterations deployed", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_lost_lock_stops_the_CLI()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hang");
        await gate.WaitForLineAsync("to deploy", cancellationToken: FakeWorld.Token);

        await world.Server.ExecuteAsync(
            world.Database,
            "select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())",
            FakeWorld.Token);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.Equal(6, result.ExitCode);
        Assert.Contains("lock was lost", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_lock_that_is_not_freed_in_time_is_exit_code_5_and_names_the_holder()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var holder = world.Start("hold");
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        var result = await world.RunAsync("deploy", ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1"));

        Assert.Equal(5, result.ExitCode);
        Assert.Contains("pid ", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("pg_terminate_backend", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Assert.Equal(0, (await holder.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_session_that_blocks_the_CLI_is_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var blocker = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; lock table systems in share mode";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await using var gate = world.Start();

        var line = await gate.WaitForLineAsync("waits for a lock", cancellationToken: FakeWorld.Token);

        Assert.Contains($"pid {blocker.ProcessID}", line, StringComparison.Ordinal);
        Assert.Contains("lock table systems", line, StringComparison.Ordinal);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        Assert.Equal(0, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }
}
