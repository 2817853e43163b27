using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>One replica: its gate behind a network of its own, and an orchestrator that starts it again until it passes.</summary>
internal sealed class Replica : IAsyncDisposable
{
    private static readonly TimeSpan OrchestratorsPause = TimeSpan.FromMilliseconds(300);

    /// <summary>What the gate promises after SIGTERM, and as much again for a machine that does other things as well.</summary>
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(8 + 8);

    private readonly int _index;
    private readonly ReplicaPlan _plan;
    private readonly LogtoInstallation _installation;
    private readonly World _world;
    private readonly TcpProxy _network;
    private readonly Clock _clock;
    private readonly Freezer _freezer;
    private readonly List<Func<string>> _logs = [];
    private ProcessId? _process;
    private bool _killed;
    private bool _disturbed;
    private TimeSpan _frozen;
    private TimeSpan _frozenCli;
    private TimeSpan _frozenUntil;
    private TimeSpan? _terminated;

    public Replica(int index, ReplicaPlan plan, LogtoInstallation installation, World world)
    {
        (_index, _plan, _installation, _world) = (index, plan, installation, world);
        _network = new TcpProxy(world.Stage.Server.Port);
        _clock = new Clock(plan.Clock);
        _freezer = new Freezer(_clock);
    }

    /// <summary>Every log so far, one a run.</summary>
    public IReadOnlyList<string> Logs => [.. _logs.Select(log => log())];

    public IReadOnlyList<int> ExitCodes { get; private set; } = [];

    public bool HasPassed { get; private set; }

    public TcpProxy Network => _network;

    private string Name => $"replica {_index}";

    private ProcessId? Process => _process is { IsAlive: true } running ? running : null;

    /// <summary>The CLI that it runs just now.</summary>
    private IReadOnlyList<ProcessId> Clis => Process is { } gate ? ProcessTable.ChildrenOf(gate.Pid) : [];

    /// <summary>When its CLI was started, in ticks since the machine was; null without one.</summary>
    public long? DeploysSince => Clis is [var cli, ..] ? long.Parse(cli.Started, CultureInfo.InvariantCulture) : null;

    public bool IsRunning => Process is not null;

    /// <summary>Starts it at its time, and again until it passes or everybody should have.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(_plan.StartsAt, cancellationToken);
        while (!HasPassed)
        {
            (_killed, _disturbed, _frozen, _frozenCli, _terminated) = (false, false, TimeSpan.Zero, TimeSpan.Zero, null);
            await using var gate = Gate.Start([], Variables());
            _process = ProcessId.Of(gate.Pid);
            _logs.Add(() => gate.Log);
            _world.Chronicle.Note($"{Name} started as {gate.Pid}");
            // The world's own limit comes first.
            var result = await gate.WaitForExitAsync(_world.Schedule.Limit * 2, cancellationToken);
            ExitCodes = [.. ExitCodes, result.ExitCode];
            _world.Chronicle.Note(string.Create(CultureInfo.InvariantCulture, $"{Name} ({gate.Pid}) ended with {result.ExitCode}: {result.LastLine}"));
            HasPassed = result.ExitCode == 0;
            await JudgeAsync(result.ExitCode, cancellationToken);
            if (!HasPassed)
            {
                await Task.Delay(OrchestratorsPause, cancellationToken);
            }
        }
    }

    /// <summary>From now on it may fail with good reason, because of what is done to its network.</summary>
    public TcpProxy Disturb()
    {
        _disturbed = true;
        return _network;
    }

    /// <summary>Kills at once, however many processes that is.</summary>
    public void Kill(Part part)
    {
        _killed |= part != Part.Cli;
        _disturbed = true;
        foreach (var process in Select(part))
        {
            process.Signal(Signals.Kill);
        }
    }

    public void Terminate()
    {
        _terminated ??= _world.Chronicle.Now;
        Process?.Signal(Signals.Terminate);
    }

    /// <summary>Stops it, and continues what is still there later.</summary>
    public Task FreezeAsync(Part part, TimeSpan duration, CancellationToken cancellationToken)
    {
        if (part == Part.Cli)
        {
            _frozenCli += duration;
        }
        else
        {
            _frozen += duration;
            _frozenUntil = TimeSpan.FromTicks(Math.Max(_frozenUntil.Ticks, (_world.Chronicle.Now + duration).Ticks));
        }

        _disturbed |= _frozen > _world.Schedule.LongestIdleGate || _frozenCli > Schedule.LongestIdleCli;
        return _freezer.StopAsync(Select(part), part == Part.Both, duration, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Select(Part.Both))
        {
            process.Signal(Signals.Kill);
        }

        await _network.DisposeAsync();
        _clock.Dispose();
    }

    private IReadOnlyList<ProcessId> Select(Part part) => Process is not { } gate ? [] : part switch
    {
        Part.Gate => [gate],
        Part.Cli => Clis,
        _ => [gate, .. Clis],
    };

    private Dictionary<string, string?> Variables()
    {
        var variables = _world.Variables(_installation, _network.Port);
        foreach (var (name, value) in _clock.Variables)
        {
            variables[name] = value;
        }

        return variables;
    }

    private async Task JudgeAsync(int exitCode, CancellationToken cancellationToken)
    {
        if (_terminated is { } at && _world.Chronicle.Now - (at > _frozenUntil ? at : _frozenUntil) is var needed && needed > LongestStop)
        {
            _world.Chronicle.Violate($"{Name} needed {Fault.Seconds(needed)} to end after SIGTERM");
        }

        if (exitCode == 0)
        {
            await _world.JudgePassAsync(Name, cancellationToken);
        }
        else if (WhyWrong(exitCode) is { } reason)
        {
            _world.Chronicle.Violate($"{Name} ended with exit code {exitCode}, {reason}");
        }
    }

    /// <returns>Null when a fault explains it.</returns>
    private string? WhyWrong(int exitCode) => exitCode switch
    {
        137 when _killed => null,
        137 => "and nobody killed it",
        143 when _terminated is not null => null,
        143 => "and nobody asked it to stop",
        6 => _disturbed ? null : "although nothing was done to it that may end a healthy deploy",
        3 or 5 => "although the server was never away, and the lock never held, for as long as that",
        134 or 139 => "a crash",
        _ => "which no fault of this schedule explains",
    };
}
