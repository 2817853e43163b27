using System.Runtime.InteropServices;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>Stops the run at SIGINT or SIGTERM, and remembers which came first, because the exit code tells it.</summary>
internal sealed class SignalLifetime(IHostApplicationLifetime application, ILogger logger) : IHostLifetime, IDisposable
{
    /// <summary>
    /// Docker kills ten seconds after its signal; what has not been cleaned up by then, the server, the CLI's guard and the next run end.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly CancellationTokenSource _overdue = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private Outcome.Stopped? _stopped;

    /// <summary>Null as long as no signal has come.</summary>
    public Outcome.Stopped? Stopped => _stopped;

    /// <summary>Cancelled when there is no more time to clean up.</summary>
    public CancellationToken Overdue => _overdue.Token;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        Register(PosixSignal.SIGINT, new Outcome.Stopped(ExitCode.Interrupted, "SIGINT"));
        Register(PosixSignal.SIGTERM, new Outcome.Stopped(ExitCode.Terminated, "SIGTERM"));
        return Task.CompletedTask;

        void Register(PosixSignal signal, Outcome.Stopped outcome) =>
            _registrations.Add(PosixSignalRegistration.Create(signal, context => Stop(context, outcome)));
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _overdue.Dispose();
    }

    private void Stop(PosixSignalContext signal, Outcome.Stopped ending)
    {
        signal.Cancel = true;
        if (Interlocked.CompareExchange(ref _stopped, ending, null) is null)
        {
            _overdue.CancelAfter(Grace);
            application.StopApplication();
            logger.Stopping(ending.SignalName); // last, because a reader of the log may keep us waiting
        }
    }
}
