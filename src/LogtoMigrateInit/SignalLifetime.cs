using System.Runtime.InteropServices;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>Stops the run at SIGINT or SIGTERM, and records which came first, because the exit code depends on it.</summary>
internal sealed class SignalLifetime(IHostApplicationLifetime application, ILogger logger) : IHostLifetime, IDisposable
{
    /// <summary>
    /// The time for the cleanup after a signal. Docker kills the container ten seconds after its signal. The server, the CLI's guard and
    /// the next run clean up the rest.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly CancellationTokenSource _overdue = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private Outcome.Stopped? _stopped;

    /// <summary>The outcome after a signal; null before.</summary>
    public Outcome.Stopped? Stopped => _stopped;

    /// <summary>Canceled when the time for the cleanup has passed.</summary>
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
            logger.Stopping(ending.SignalName); // the last step, because a slow reader of the log may delay it
        }
    }
}
