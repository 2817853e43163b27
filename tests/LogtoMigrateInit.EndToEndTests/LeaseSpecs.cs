using System.Diagnostics;
using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// A healthy deploy is never ended by its own guards, and one whose lock may have passed on never goes on. The lease is six seconds;
/// how long something stands still is the subject of each test, not a wait.
/// </summary>
public sealed class LeaseSpecs(SharedServers servers)
{
    private const int LeaseSeconds = 6;

    /// <summary>The transaction that wrote the state last.</summary>
    private const string VersionOfState = "select xmin::text from systems where key = 'alterationState'";

    private static readonly (string, string?) Lease = ("LOGTO_INIT_LOCK_LEASE_SECONDS", $"{LeaseSeconds}");
    private static readonly TimeSpan LessThanTheLease = TimeSpan.FromSeconds(LeaseSeconds * 2 / 3.0);
    private static readonly TimeSpan MoreThanTheLease = TimeSpan.FromSeconds(LeaseSeconds * 3 / 2.0);

    [Fact(Timeout = 600_000)]
    public async Task An_alteration_that_computes_for_longer_than_the_lease_is_not_killed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("compute", Lease, Seconds(LeaseSeconds * 4 / 3));

        Expect.Ending(Expect.Success, result);
        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_CLI_that_has_no_session_for_longer_than_the_lease_has_not_lost_its_connection()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("idle", Lease, Seconds(LeaseSeconds * 4 / 3));

        Expect.Ending(Expect.Success, result);
        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_lock_connection_that_stalls_for_half_the_lease_is_not_lost()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("hold", Lease, FakeWorld.Through(proxy, world));
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        proxy.Stall(name => name == "logto-migrate-init");
        await Task.Delay(TimeSpan.FromSeconds(LeaseSeconds / 2.0), FakeWorld.Token);
        proxy.Resume();
        await world.Cli.LetGoAsync(FakeWorld.Token);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("hold")]
    [InlineData("idle")]
    public async Task A_gate_and_its_CLI_that_stand_still_for_less_than_the_lease_go_on(string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start(mode, Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;

        Freeze(gate, cli);
        await Task.Delay(LessThanTheLease, FakeWorld.Token);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Thaw(gate, cli);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 600_000)]
    [InlineData("hold")] // its CLI has a session, which waits between two alterations
    [InlineData("idle")] // its CLI has none, and would connect anew
    public async Task A_gate_and_its_CLI_that_stood_still_past_the_lease_commit_nothing_any_more(string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start(mode, Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;

        Freeze(gate, cli);
        await Task.Delay(MoreThanTheLease, FakeWorld.Token);
        await using var elsewhere = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        Expect.Ending(Expect.Success, await world.RunAsync("deploy", Lease, ("LOGTO_INIT_LOGTO_DIR", elsewhere.Directory)));
        var written = await world.Server.QuerySingleAsync<string>(world.Database, VersionOfState, FakeWorld.Token);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Thaw(gate, cli);

        // What it was to do has been done by the other one.
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        Assert.Equal(written, await world.Server.QuerySingleAsync<string>(world.Database, VersionOfState, FakeWorld.Token));
        Assert.Equal(2, (await world.Cli.RunsAsync(FakeWorld.Token)).Count);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_CLI_that_stood_still_past_the_lease_goes_on_when_its_gate_did_not()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hold", Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;

        Signals.Send(cli, Signals.Stop);
        await Task.Delay(MoreThanTheLease, FakeWorld.Token);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        Signals.Send(cli, Signals.Continue);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
        await world.LeavesNothingAsync();
    }

    /// <summary>The gate is silent for a lease while its CLI stands still with it, and only the CLI wakes up.</summary>
    [Fact(Timeout = 600_000)]
    public async Task A_CLI_that_wakes_up_past_the_lease_before_its_gate_ends_and_says_why()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hold", Lease);
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var cli = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token)).Pid;

        Freeze(gate, cli);
        await Task.Delay(MoreThanTheLease, FakeWorld.Token);
        Signals.Send(cli, Signals.Continue);
        while (Signals.IsAlive(cli))
        {
            await Task.Delay(20, FakeWorld.Token);
        }

        Signals.Send(gate.Pid, Signals.Continue);
        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.Equal(6, result.ExitCode);
        Expect.LogContains("logto-migrate-init ends Logto's CLI: it and logto-migrate-init were suspended for", result);
        await world.RecoversAsync();
    }

    /// <summary>It is asked over another connection, because slonik waits for a new one for no more than five seconds.</summary>
    [Fact(Timeout = 600_000)]
    public async Task A_lock_connection_that_stalls_keeps_no_CLI_from_connecting()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var proxy = new TcpProxy(world.Server.Port);
        await using var gate = world.Start("idle", FakeWorld.Through(proxy, world));
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        proxy.Stall(name => name == "logto-migrate-init");
        await world.Cli.LetGoAsync(FakeWorld.Token);

        await gate.WaitForLineAsync("3/3", cancellationToken: FakeWorld.Token);
        proxy.Resume();
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    /// <summary>A machine that was suspended cannot tell for how long; until its gate has made sure of the lock, its CLI opens no session.</summary>
    [Fact(Timeout = 600_000)]
    public async Task A_CLI_connects_only_after_its_gate_has_made_sure_of_the_lock()
    {
        const string Session = "exists (select from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init-cli-%')";
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("idle");
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await world.WaitUntilAsync($"not {Session}");
        var written = await world.Server.QuerySingleAsync<string>(world.Database, VersionOfState, FakeWorld.Token);

        gate.Signal(Signals.Stop);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        while (!File.Exists(world.Cli.Counter))
        {
            await Task.Delay(20, FakeWorld.Token);
        }

        await using var watch = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        var asked = Stopwatch.GetTimestamp();
        do
        {
            await Task.Delay(50, FakeWorld.Token);
            Assert.Equal(written, Assert.Single(await watch.QueryAsync<string>(VersionOfState, FakeWorld.Token)));
        }
        while (Stopwatch.GetElapsedTime(asked) < TimeSpan.FromSeconds(1)); // a connection takes a tenth of that

        gate.Signal(Signals.Continue);
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task What_inherited_the_output_of_the_CLI_is_not_waited_for()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        try
        {
            Expect.Ending(Expect.Success, await world.RunAsync("leave-heir"));
            await world.LeavesNothingAsync();
        }
        finally
        {
            Signals.Send(int.Parse(await File.ReadAllTextAsync(world.Cli.Counter, FakeWorld.Token), CultureInfo.InvariantCulture), Signals.Kill);
        }
    }

    private static (string, string?) Seconds(int seconds) => ("FAKE_CLI_SECONDS", $"{seconds}");

    private static void Freeze(Gate gate, int cli)
    {
        Signals.Send(gate.Pid, Signals.Stop);
        Signals.Send(cli, Signals.Stop);
    }

    private static void Thaw(Gate gate, int cli)
    {
        Signals.Send(cli, Signals.Continue);
        Signals.Send(gate.Pid, Signals.Continue);
    }
}
