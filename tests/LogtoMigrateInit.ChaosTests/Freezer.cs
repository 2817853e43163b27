using System.Diagnostics;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>Stops processes of a replica, and its machine's clock with all of them; what is stopped twice goes on when both are over.</summary>
internal sealed class Freezer(Clock clock)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ProcessId, int> _stops = [];
    private int _machineStops;
    private long _machineStopped;

    /// <param name="processes">The gate before its CLI: they are continued the other way round, which is the worse order.</param>
    /// <param name="wholeMachine">Its clock stops as well, when it is of that kind.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="cancellationToken">Ends it earlier.</param>
    public async Task StopAsync(IReadOnlyList<ProcessId> processes, bool wholeMachine, TimeSpan duration, CancellationToken cancellationToken)
    {
        Stop(processes, wholeMachine);
        try
        {
            await Task.Delay(duration, cancellationToken);
        }
        finally
        {
            Continue(processes, wholeMachine);
        }
    }

    private void Stop(IReadOnlyList<ProcessId> processes, bool wholeMachine)
    {
        lock (_lock)
        {
            if (wholeMachine && _machineStops++ == 0)
            {
                _machineStopped = Stopwatch.GetTimestamp();
            }

            foreach (var process in processes)
            {
                _stops[process] = _stops.GetValueOrDefault(process) + 1;
                process.Signal(Signals.Stop);
            }
        }
    }

    private void Continue(IReadOnlyList<ProcessId> processes, bool wholeMachine)
    {
        lock (_lock)
        {
            // Where one of them was killed meanwhile, another may run there, whose clock must not go back.
            if (wholeMachine && --_machineStops == 0 && processes.All(process => process.IsAlive))
            {
                clock.StoodStill(Stopwatch.GetElapsedTime(_machineStopped));
            }

            foreach (var process in processes.Reverse())
            {
                if (--_stops[process] == 0)
                {
                    process.Signal(Signals.Continue);
                }
            }
        }
    }
}
