using System.Diagnostics;
using System.Threading.Channels;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Runs the CLI, reports what it waits for, and terminates its sessions when it was stopped.</summary>
internal sealed class SupervisedCli(
    ProgramSettings settings, LogtoInstallation installation, string sessionName, LogtoDatabase database, LogtoCliProcess process,
    ILogger logger)
{
    /// <summary>
    /// The free connections that the CLI needs: one to inspect the database, and two while an alteration works inside and outside a
    /// transaction.
    /// </summary>
    private const long NeededSlots = 3;

    private static readonly TimeSpan LongestConfirmation = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan RoomInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>The first release whose CLI reads DATABASE_STATEMENT_TIMEOUT.</summary>
    private static readonly Version FirstWithStatementTimeout = new(1, 36, 0);

    /// <summary>Runs a job to its end. Returns the result also when the program stopped the CLI.</summary>
    /// <param name="folder">The folder's lock. Its ownership passes to the CLI.</param>
    /// <param name="migrationLock">The CLI is killed when this lock is lost.</param>
    /// <param name="turn">
    /// The CLI starts immediately but connects only after this task completes, which must be soon; null: no restriction. Before it
    /// connects, it does not touch the scripts (<c>getAvailableAlterations</c> and <c>seedByPool</c> in <c>packages/cli</c>).
    /// </param>
    /// <exception cref="OperationCanceledException">The program was stopped, or lost the lock, before the CLI was started.</exception>
    /// <exception cref="UnusableTargetException">Node.js is missing or does not start.</exception>
    // Over 40 lines: its local functions share the state of one CLI; outside they would need a separate class.
    public async Task<CliRun> RunAsync(
        CliJob job, FolderLock folder, MigrationLock migrationLock, CancellationToken stop, Task? turn = null)
    {
        turn ??= Task.CompletedTask;
        var behindPooler = job.Database.BehindPooler;
        Warn(behindPooler);
        await using var watch = new SessionWatch(database, sessionName, settings.Timings.Lease, logger)
        {
            LongestQueue = settings.DdlLockTimeout,
        };
        using var whileLocked = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        await WaitForRoomAsync(watch, whileLocked.Token);

        var environment = CliEnvironment.Build(settings, database.Target, sessionName, job);
        using var timeout = new CancellationTokenSource();
        if (job.TimeLimit > TimeSpan.Zero)
        {
            timeout.CancelAfter(job.TimeLimit);
        }

        using var halfOpen = new CancellationTokenSource();
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token, halfOpen.Token);

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var waited = TimeSpan.Zero;
        var answers = Channel.CreateUnbounded<bool>();
        var answering = Task.CompletedTask;
        var output = new CliOutput(
            database.Target.Password, job, () => answering = answering.IsCompleted ? AnswerAsync() : answering, logger);
        logger.StartingCli(string.Join(' ', job.Arguments));
        int? pid = null;
        var running = process.RunAsync(
            job.Arguments, environment, output, answers.Reader, folder, id => pid = id, interrupt.Token, migrationLock.Lost);
        await WatchAsync(
            running, watch, migrationLock, output,
            () => !behindPooler && pid is { } id && CliConnections.AnyTo(id, database.Target.Port), halfOpen);
        var exitCode = await running;
        await ended.CancelAsync();

        var end = migrationLock.Lost.IsCancellationRequested ? CliEnd.LockLost
            : stop.IsCancellationRequested ? CliEnd.Stopped
            : timeout.IsCancellationRequested ? CliEnd.TimedOut
            : halfOpen.IsCancellationRequested ? CliEnd.ConnectionLost
            : CliEnd.ByItself;
        var run = output.Summarise(end, exitCode) with { Waited = waited, GaveWay = watch.GaveWay };
        if (end != CliEnd.ByItself || run.GuardsReason is not null)
        {
            await CleanUpSessionsAsync();
        }

        return run;

        async Task AnswerAsync()
        {
            if (!turn.IsCompleted)
            {
                var asked = Stopwatch.GetTimestamp();
                timeout.CancelAfter(Timeout.InfiniteTimeSpan); // the limit does not include the wait for the turn
                await Task.WhenAny(turn, Task.Delay(Timeout.Infinite, ended.Token));
                if (ended.IsCancellationRequested)
                {
                    return;
                }

                waited = Stopwatch.GetElapsedTime(asked);
                if (job.TimeLimit > TimeSpan.Zero)
                {
                    timeout.CancelAfter(job.TimeLimit);
                }
            }

            if (turn.IsCompletedSuccessfully)
            {
                await ConfirmAsync(migrationLock, behindPooler, answers.Writer);
            }
        }
    }

    /// <summary>
    /// Lets the CLI connect once the server has confirmed the lock. Without a confirmation the guard gets no answer, and asks again.
    /// </summary>
    private async Task ConfirmAsync(MigrationLock migrationLock, bool behindPooler, ChannelWriter<bool> answers)
    {
        try
        {
            var confirmed = migrationLock.ConfirmAsync();
            if (behindPooler || await Task.WhenAny(confirmed, Task.Delay(LongestConfirmation, migrationLock.Lost)) == confirmed)
            {
                await confirmed;
                answers.TryWrite(true);
            }

            // The lock's connection stalls, and slonik's connect time-out is five seconds. So ask the server over another connection.
            else if (await database.WithConnectionAsync(
                (connection, token) => LockQueries.IsHeldByAsync(connection, migrationLock.Pid, token), migrationLock.Lost))
            {
                answers.TryWrite(true);
            }
        }
        catch (Exception unknown) when (unknown is OperationCanceledException or ObjectDisposedException or DatabaseException)
        {
            // The lock is lost or released, or the server does not answer now.
        }
    }

    private void Warn(bool behindPooler)
    {
        if (behindPooler)
        {
            logger.PoolerTakesNoOptions(Outcome.PoolerSetting);
        }

        if (Version.TryParse(installation.Version.Split('-')[0], out var version) && version < FirstWithStatementTimeout)
        {
            logger.OldStatementTimeout(installation.Version);
        }
    }

    /// <summary>
    /// Waits until the server has free connections for the CLI. Reason: many replicas that start together fill a small server for a moment,
    /// and a failed start of the CLI costs a second of processor time. The watch keeps its own connection open meanwhile.
    /// </summary>
    private async Task WaitForRoomAsync(SessionWatch watch, CancellationToken whileLocked)
    {
        var started = Stopwatch.GetTimestamp();
        var reported = false;
        while (await watch.CountFreeSlotsAsync() is { } free && free < NeededSlots
            && Stopwatch.GetElapsedTime(started) < settings.ConnectTimeout)
        {
            if (!reported)
            {
                reported = true;
                logger.WaitingForRoom(free);
            }

            await Task.Delay(RoomInterval, whileLocked);
        }

        whileLocked.ThrowIfCancellationRequested();
    }

    /// <summary>Logs what the CLI waits for, and from time to time that it still runs. Ends it when its connection is half open.</summary>
    /// <param name="believesInConnection">Whether the CLI has an open connection to the server according to this machine's kernel.</param>
    /// <param name="halfOpen">Canceled when the server has not known the CLI's open connection for a whole lease.</param>
    private async Task WatchAsync(
        Task running, SessionWatch watch, MigrationLock migrationLock, CliOutput output, Func<bool> believesInConnection,
        CancellationTokenSource halfOpen)
    {
        long? unknownSince = null;
        var pace = new ReportPace();
        while (await Task.WhenAny(running, Task.Delay(SessionWatch.Interval)) != running)
        {
            // A CLI without any connection is no fault, because slonik closes unused connections between transactions.
            var isUnknown = await watch.LookAsync(migrationLock) == SessionActivity.None && believesInConnection();
            unknownSince = isUnknown ? unknownSince ?? Stopwatch.GetTimestamp() : null;
            if (unknownSince is { } since && Stopwatch.GetElapsedTime(since) > settings.Timings.HalfOpen)
            {
                await halfOpen.CancelAsync();
            }

            if (pace.Due() is { } elapsed)
            {
                logger.StillRunning(elapsed.TotalSeconds, output.Running?.FileName ?? "Logto's CLI");
            }
        }
    }

    /// <summary>Terminates the server sessions that a stopped CLI left. It has little time and reports no failure.</summary>
    private async Task CleanUpSessionsAsync()
    {
        using var brief = new CancellationTokenSource(Timings.CleanUpStep);
        try
        {
            await TerminateSessionsAsync(brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException || DatabaseException.From(failure) is not null)
        {
            // The server cannot be reached or is slow. It ends sessions of dead clients by itself, and the next run waits for them.
        }
    }

    private async Task TerminateSessionsAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        while (await SessionQueries.TerminateAsync(connection, sessionName, cancellationToken) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }
}
