using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Runs all work under the migration lock: poll → take the lock → end other runs' sessions → inspect again → work. It turns a lost lock and
/// a lost database into outcomes. It adds the restore command to failures after the work has begun.
/// </summary>
internal sealed class LockedWork(
    ProgramSettings settings, LogtoDatabase database, WatchedInspection watched, OtherRuns others,
    ILogger logger)
{
    /// <summary>The limit of creations, because two servers behind one name may contradict each other about a database forever.</summary>
    private const int MostCreations = 3;

    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time, before the work began.</exception>
    /// <exception cref="OperationCanceledException">A signal stopped the program.</exception>
    // Over 40 lines: the steps from the first poll to the work, in order.
    public async Task<Outcome> RunAsync(LockedTask task, CancellationToken stop)
    {
        var wait = new Wait(settings, logger);
        await using var waiting = new WaitingConnection(database);
        var creations = 0;
        while (true)
        {
            Poll poll;
            try
            {
                poll = await database.RetryAsync(token => PollAsync(task, wait, waiting, token), stop);
            }
            catch (DatabaseException missing)
                when (missing.Failure == DatabaseFailure.NoSuchDatabase && task.CreateDatabase is not null && creations < MostCreations)
            {
                creations++;
                if (await task.CreateDatabase(stop) is { } refused)
                {
                    return refused;
                }

                continue;
            }

            switch (poll)
            {
                case Poll.Settled settled:
                    watched.Warn(settled.Inspection);
                    return settled.Outcome;

                case Poll.LockTaken taken:
                    await using (taken.Lock)
                    {
                        logger.LockTaken();
                        return await WorkUnderLockAsync(task, taken.Lock, stop);
                    }
            }

            if (wait.Over(poll) is { } outcome)
            {
                return outcome;
            }

            await Task.Delay(poll is Poll.LockHeld ? waiting.NextPause(wait.WaitedForLock) : wait.NextPauseForWritableServer(), stop);
        }
    }

    private async Task<Outcome> WorkUnderLockAsync(LockedTask task, MigrationLock migrationLock, CancellationToken stop)
    {
        using var whileLocked = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        var run = new LockedRun(migrationLock, whileLocked.Token, stop);
        var outcome = await EndOthersAndWorkAsync(task, run);
        return run.HasBegun ? outcome.WithRestoreCommand(run.RestoreCommand) : outcome; // before that there is nothing to restore
    }

    private async Task<Outcome> EndOthersAndWorkAsync(LockedTask task, LockedRun run)
    {
        try
        {
            var started = Stopwatch.GetTimestamp();
            return await others.SurveyAsync(started, run.Lock, run.WhileLocked) switch
            {
                Survey.Clear clear => await task.Work(run, clear),
                Survey.OthersAtWork { Sessions: [var other, ..] } =>
                    new Outcome.LockTimedOut(
                        Stopwatch.GetElapsedTime(started), $"{other}, left by an earlier run, running: {other.Query}", other.Pid),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (run.Lock.Lost.IsCancellationRequested && !run.Stop.IsCancellationRequested)
        {
            return await task.LockLost(run);
        }
        catch (DatabaseException failure) when (run.HasBegun)
        {
            return task.Unverified?.Invoke(run, failure) ?? Outcome.Of(failure, settings);
        }
    }

    /// <summary>Inspects and decides over one connection, and tries to take the lock. A taken lock owns the connection.</summary>
    [SuppressMessage("Reliability", "CA2000", Justification = "The lock goes to the caller inside the poll.")]
    private async Task<Poll> PollAsync(LockedTask task, Wait wait, WaitingConnection waiting, CancellationToken stop)
    {
        var connection = await waiting.TakeAsync(stop);
        Poll? poll = null;
        try
        {
            poll = await DecideAndTryLockAsync(task, wait, connection, stop);
        }
        finally
        {
            if (poll is not (Poll.LockTaken or Poll.LockHeld))
            {
                await connection.DisposeAsync();
            }
        }

        if (poll is Poll.LockHeld)
        {
            await waiting.KeepOrCloseAsync(connection, stop);
        }

        return poll;
    }

    private async Task<Poll> DecideAndTryLockAsync(LockedTask task, Wait wait, NpgsqlConnection connection, CancellationToken stop)
    {
        // While another session holds the lock, a poll inspects nothing else.
        if (wait.IsForLock && await LockQueries.IsTakenAsync(connection, stop))
        {
            return await LockHeldAsync(wait, connection, stop);
        }

        var (inspection, verdict) = await watched.DecideAsync(connection, stop);
        if (task.Settle(verdict) is { } outcome)
        {
            return new Poll.Settled(inspection, outcome);
        }

        // A standby would also grant the lock.
        if (task.Writes && (inspection.InRecovery || inspection.ReadOnly))
        {
            return new Poll.ReadOnly(inspection.InRecovery);
        }

        return await MigrationLock.TryTakeAsync(connection, settings.Timings, logger, stop) is { } migrationLock
            ? new Poll.LockTaken(migrationLock)
            : await LockHeldAsync(wait, connection, stop);
    }

    private static async Task<Poll> LockHeldAsync(Wait wait, NpgsqlConnection connection, CancellationToken stop) => wait.NeedsHolder
        ? new Poll.LockHeld(await LockQueries.FindHolderAsync(connection, stop), HasSearched: true)
        : new Poll.LockHeld(null, HasSearched: false);
}
