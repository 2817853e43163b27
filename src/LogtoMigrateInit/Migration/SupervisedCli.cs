using System.Diagnostics;
using System.Security.Cryptography;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>Why the CLI is no longer running.</summary>
internal enum CliEnd
{
    ByItself,
    TimedOut,
    ConnectionLost,
    LockLost,
    Stopped,
}

/// <summary>Runs the CLI while watching what it waits for, and leaves no session of it behind.</summary>
internal sealed class SupervisedCli(GateOptions options, LogtoInstallation installation, LogtoDatabase database, LogtoCliProcess process, ILogger logger)
{
    /// <summary>How long one step of cleaning up may take after SIGTERM: Docker kills after ten seconds, of which a stubborn CLI takes five.</summary>
    public static readonly TimeSpan CleanUpTime = TimeSpan.FromSeconds(2);

    /// <summary>What slonik sends at login and PgBouncer rejects unless told otherwise (slonik's <c>createPoolConfiguration</c>).</summary>
    public const string PoolerSetting = "ignore_startup_parameters = extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout";

    /// <summary>
    /// A CLI that has begun and has no working session for so long has lost its connection without noticing: slonik sets no keep-alive.
    /// </summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(60);

    /// <summary>The CLI honours DATABASE_STATEMENT_TIMEOUT from here on.</summary>
    private static readonly Version FirstWithStatementTimeout = new(1, 36, 0);

    private readonly string _sessionName = CliEnvironment.ApplicationNamePrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));

    public async Task<(CliRun Run, CliEnd End)> RunAsync(
        IReadOnlyList<string> arguments, AlterationState? state, IReadOnlyList<Alteration> pending, Inspection inspection, MigrationLock migrationLock, CancellationToken stop)
    {
        Warn(inspection.BehindPooler);
        var environment = CliEnvironment.Build(options, _sessionName, state, inspection);
        var started = Stopwatch.GetTimestamp();
        using var timeout = new CancellationTokenSource();
        if (options.DeployTimeout > TimeSpan.Zero)
        {
            timeout.CancelAfter(options.DeployTimeout);
        }

        using var silent = new CancellationTokenSource();
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token, silent.Token);
        var backoff = new Backoff();
        while (true)
        {
            var output = new CliOutput(options, pending, logger);
            logger.StartingCli(string.Join(' ', arguments));
            var run = await WatchAsync(process.RunAsync(arguments, environment, output, interrupt.Token, migrationLock.Lost), output, inspection.BehindPooler ? null : silent);

            var end = migrationLock.Lost.IsCancellationRequested ? CliEnd.LockLost
                : stop.IsCancellationRequested ? CliEnd.Stopped
                : timeout.IsCancellationRequested ? CliEnd.TimedOut
                : silent.IsCancellationRequested ? CliEnd.ConnectionLost
                : CliEnd.ByItself;
            if (end != CliEnd.ByItself)
            {
                await CleanUpSessionsAsync();
                return (run, end);
            }

            if (run is not { ServerWasFull: true, Finished: 0 } || run.ExitCode == 0 || Stopwatch.GetElapsedTime(started) > options.ConnectTimeout)
            {
                return (run, end);
            }

            logger.RetryingFullServer();
            await Task.Delay(backoff.Next(serverIsFull: true), interrupt.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Warn(bool behindPooler)
    {
        if (behindPooler)
        {
            logger.PoolerTakesNoOptions(PoolerSetting);
        }

        if (Version.TryParse(installation.Version.Split('-')[0], out var version) && version < FirstWithStatementTimeout)
        {
            logger.OldStatementTimeout(installation.Version);
        }
    }

    /// <summary>Says what the CLI waits for, and now and then that it is still running, and ends it when it has lost its connection.</summary>
    /// <param name="running">The CLI.</param>
    /// <param name="output">What it printed.</param>
    /// <param name="silent">Cancelled when the CLI has no working session any more; null when a pooler hides its sessions.</param>
    private async Task<CliRun> WatchAsync(Task<CliRun> running, CliOutput output, CancellationTokenSource? silent)
    {
        var started = Stopwatch.GetTimestamp();
        long? lastSeenAtWork = null;
        var nextReport = TimeSpan.FromSeconds(10);
        await using var watch = new SessionWatch(database, _sessionName, logger);
        while (await Task.WhenAny(running, Task.Delay(SessionWatch.Interval)) != running)
        {
            var activity = await watch.ReportBlockersAsync();
            if (activity is null or SessionActivity.AtWork || (lastSeenAtWork is null && (activity == SessionActivity.Idle || output.HasBegun)))
            {
                lastSeenAtWork = Stopwatch.GetTimestamp();
            }
            else if (silent is not null && lastSeenAtWork is { } last && Stopwatch.GetElapsedTime(last) > LongestSilence)
            {
                await silent.CancelAsync();
            }

            var elapsed = Stopwatch.GetElapsedTime(started);
            if (elapsed >= nextReport)
            {
                nextReport = elapsed + TimeSpan.FromSeconds(Math.Min(60, elapsed.TotalSeconds));
                logger.StillRunning(elapsed.TotalSeconds, output.Running?.FileName ?? "Logto's CLI");
            }
        }

        return await running;
    }

    /// <summary>The CLI is gone at once; its server sessions work on until somebody ends them.</summary>
    private async Task CleanUpSessionsAsync()
    {
        using var brief = new CancellationTokenSource(CleanUpTime);
        try
        {
            await TerminateSessionsAsync(brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException || DatabaseException.From(failure) is not null)
        {
            // The server is out of reach or slow; it ends sessions of dead clients by itself, and the next run waits for them.
        }
    }

    private async Task TerminateSessionsAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        while (await SessionQueries.TerminateAsync(connection, _sessionName, cancellationToken) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }
}
