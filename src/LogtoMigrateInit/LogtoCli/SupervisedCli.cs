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

/// <summary>Runs the CLI while watching what it waits for, and leaves no session of it behind.</summary>
internal sealed class SupervisedCli(
    ProgramSettings settings, LogtoInstallation installation, string sessionName, LogtoDatabase database, LogtoCliProcess process,
    ILogger logger)
{
    /// <summary>
    /// The CLI opens one connection to see the database, and has two while an alteration works inside and outside of a transaction.
    /// </summary>
    private const long NeededSlots = 3;

    private static readonly TimeSpan LongestConfirmation = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan RoomInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>The CLI honours DATABASE_STATEMENT_TIMEOUT from here on.</summary>
    private static readonly Version FirstWithStatementTimeout = new(1, 36, 0);

    /// <exception cref="OperationCanceledException">Stopped, or the lock lost, before the CLI was started.</exception>
    /// <exception cref="UnusableTargetException">Node.js does not start.</exception>
    /// <param name="job">What it is to do.</param>
    /// <param name="folder">Goes over to the CLI.</param>
    /// <param name="migrationLock">Held; the CLI is killed when it is lost.</param>
    /// <param name="turn">
    /// It starts at once and connects when this is done, which has to be soon; null: when it wants. Before it connects it does not touch
    /// the scripts (<c>getAvailableAlterations</c> and <c>seedByPool</c> in <c>packages/cli</c>).
    /// </param>
    // Over 40 lines: its local functions share the life of one CLI; apart they would need a class of their own.
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
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        await WaitForRoomAsync(watch, held.Token);

        var environment = CliEnvironment.Build(settings, database.Target, sessionName, job);
        using var timeout = new CancellationTokenSource();
        if (job.TimeLimit > TimeSpan.Zero)
        {
            timeout.CancelAfter(job.TimeLimit);
        }

        using var halfOpen = new CancellationTokenSource();
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token, halfOpen.Token);

        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
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
        await over.CancelAsync();

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
                timeout.CancelAfter(Timeout.InfiniteTimeSpan); // the limit is for the CLI's own time
                await Task.WhenAny(turn, Task.Delay(Timeout.Infinite, over.Token));
                if (over.IsCancellationRequested)
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
    /// Lets the CLI connect once the lock is confirmed; whoever has lost it gets no answer, and one that failed is asked for again.
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

            // The lock's own connection stalls, and slonik waits for a connection for five seconds; the server tells over another.
            else if (await database.WithConnectionAsync(
                (connection, token) => LockQueries.IsHeldByAsync(connection, migrationLock.Pid, token), migrationLock.Lost))
            {
                answers.TryWrite(true);
            }
        }
        catch (Exception unknown) when (unknown is OperationCanceledException or ObjectDisposedException or DatabaseException)
        {
            // Lost, given back, or not to be told now.
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
    /// Many replicas that start at once fill a small server for a moment, and a CLI that finds no connection has cost a second of a
    /// processor. The watch's own connection stays open meanwhile, so that one is certain.
    /// </summary>
    private async Task WaitForRoomAsync(SessionWatch watch, CancellationToken held)
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

            await Task.Delay(RoomInterval, held);
        }

        held.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// Says what the CLI waits for, and now and then that it is still running, and ends it when it has lost its connection.
    /// </summary>
    /// <param name="running">The CLI.</param>
    /// <param name="watch">Looks at its sessions.</param>
    /// <param name="migrationLock">The right to be there.</param>
    /// <param name="output">What it printed.</param>
    /// <param name="believesInConnection">Whether the CLI has an open connection to the server, as this machine sees it.</param>
    /// <param name="halfOpen">Cancelled when the server has not known of that connection for a whole lease.</param>
    private async Task WatchAsync(
        Task running, SessionWatch watch, MigrationLock migrationLock, CliOutput output, Func<bool> believesInConnection,
        CancellationTokenSource halfOpen)
    {
        long? unknownSince = null;
        var pace = new ReportPace();
        while (await Task.WhenAny(running, Task.Delay(SessionWatch.Interval)) != running)
        {
            // A CLI without a session is nothing to worry about: between two transactions slonik closes what it does not use.
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

    /// <summary>Kills the CLI. Its server sessions continue until a run terminates them.</summary>
    private async Task CleanUpSessionsAsync()
    {
        using var brief = new CancellationTokenSource(Timings.CleanUpStep);
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
        while (await SessionQueries.TerminateAsync(connection, sessionName, cancellationToken) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }
}
