using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// Brings the database to the target: wait → inspect → plan → lock → (under the lock, in <see cref="Deployment"/>) inspect again →
/// preflight → deploy → verify. With nothing pending it is one connection and one look.
/// </summary>
internal sealed class MigrationRunner(
    GateOptions options, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, Deployment deployment, LeftOvers leftOvers, Backup backup, RehearsedUpgrade rehearsed,
    Rollback rollback, ILogger logger)
{
    /// <summary>What a run is for, decided from one look.</summary>
    /// <returns>How it ends without the lock; null when the lock is needed.</returns>
    private delegate Outcome? Settle(Verdict verdict);

    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public Task<Outcome> MigrateAsync(CancellationToken stop) => RunAsync(
        verdict => verdict is Verdict.Pending || (verdict is Verdict.Empty && options.Seed != SeedMode.False) ? null : Outcome.Of(verdict, catalog, options),
        writes: true, deployment.RunAsync, stop);

    /// <summary>Makes a backup while nobody migrates.</summary>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public Task<Outcome> BackUpAsync(CancellationToken stop) => RunAsync(
        verdict => verdict is Verdict.Empty or Verdict.Foreign ? Outcome.Of(verdict, catalog, options) : null,
        writes: false, BackUpAsync, stop);

    /// <summary>Rehearses what is pending while nobody migrates, and deploys nothing.</summary>
    /// <param name="mode">Which rows are copied.</param>
    /// <param name="seen">Gets the report, when there is one.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public Task<Outcome> RehearseAsync(RehearsalMode mode, Action<RehearsalReport> seen, CancellationToken stop) => RunAsync(
        verdict => verdict is Verdict.Pending ? null : Outcome.Of(verdict, catalog, options),
        writes: false, (migrationLock, token) => rehearsed.RunAsync(mode, seen, migrationLock, token), stop);

    /// <summary>Goes back to an older release.</summary>
    /// <param name="version">See <see cref="Rollback.RunAsync"/>.</param>
    /// <param name="mode">See <see cref="Rollback.RunAsync"/>.</param>
    /// <param name="seen">See <see cref="Rollback.RunAsync"/>.</param>
    /// <param name="confirm">See <see cref="Rollback.RunAsync"/>.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public Task<Outcome> RollBackAsync(string version, RehearsalMode mode, Func<RehearsalReport, Task> seen, Func<string, bool> confirm, CancellationToken stop) => RunAsync(
        verdict => verdict is Verdict.Empty or Verdict.Foreign or Verdict.Damaged ? Outcome.Of(verdict, catalog, options) : null,
        writes: false, (migrationLock, token) => rollback.RunAsync(version, mode, seen, confirm, migrationLock, token), stop);

    private async Task<Outcome> BackUpAsync(MigrationLock migrationLock, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        try
        {
            return await backup.MakeAsync((await watched.ReadAsync(held.Token)).State, held.Token) switch
            {
                BackupResult.Made made => new Outcome.BackedUp(made.Path, made.Record.Bytes, made.Record.Rows, made.Record.Tables.Count, made.Record.Verified == "restore", made.Restore),
                BackupResult.Failed failed => new Outcome.BackupFailed(failed.Reason, null),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.BackupFailed("the migration lock was lost, because its connection broke or this machine stood still; start again", null);
        }
    }

    private async Task<Outcome> RunAsync(Settle settle, bool writes, Func<MigrationLock, CancellationToken, Task<Outcome>> underLock, CancellationToken stop)
    {
        var wait = new Wait(options, logger);
        while (true)
        {
            Look look;
            try
            {
                look = await database.RetryAsync(token => LookAsync(settle, writes, wait.IsForLock, token), stop);
            }
            catch (DatabaseException missing) when (missing.Failure == DatabaseFailure.NoSuchDatabase && writes && options.Seed == SeedMode.Create)
            {
                if (Preflight.SeedableName(options.Database) is { } unusable)
                {
                    return new Outcome.PreflightFailed([unusable]);
                }

                try
                {
                    if (await DatabaseCreation.CreateAsync(database, options.Database, stop))
                    {
                        logger.CreatedDatabase(options.Database);
                    }

                    continue;
                }
                catch (DatabaseException refusal) when (refusal.Failure != DatabaseFailure.NotYet)
                {
                    return new Outcome.NotCreated(options, refusal.Message);
                }
            }

            switch (look)
            {
                case Look.Settled settled:
                    WarnOf(settled.Inspection);
                    return settled.Outcome;

                case Look.LockTaken taken:
                    await using (taken.Lock)
                    {
                        logger.LockTaken();
                        return await underLock(taken.Lock, stop);
                    }
            }

            if (wait.Over(look) is { } outcome)
            {
                return outcome;
            }

            await Task.Delay(wait.NextPause(look), stop);
        }
    }

    /// <summary>One connection: looks, decides, and tries for the lock, which keeps the connection.</summary>
    /// <param name="settle">Whether the lock is needed.</param>
    /// <param name="writes">Whether a server that takes no writes is of no use.</param>
    /// <param name="isWaiting">The lock was taken at the last look. As long as it is, nothing else is worth a look.</param>
    /// <param name="stop">Ends the look.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The lock goes to the caller inside the look.")]
    private async Task<Look> LookAsync(Settle settle, bool writes, bool isWaiting, CancellationToken stop)
    {
        var connection = await database.OpenAsync(stop);
        MigrationLock? migrationLock = null;
        try
        {
            if (isWaiting && await LockQueries.IsTakenAsync(connection, stop))
            {
                return new Look.LockHeld(await LockQueries.FindHolderAsync(connection, stop), await LockQueries.CountSessionsAsync(connection, stop));
            }

            var inspection = await watched.WatchAsync(InspectionQuery.ReadAsync(connection, stop));
            var verdict = MigrationPlan.Decide(catalog, inspection);
            if (verdict is Verdict.Matching matching)
            {
                await leftOvers.WarnOfMissingAsync(connection, catalog, matching.State, stop);
            }

            if (settle(verdict) is { } outcome)
            {
                return new Look.Settled(inspection, outcome);
            }

            // A standby would grant the lock too.
            if (writes && (inspection.InRecovery || inspection.ReadOnly))
            {
                return new Look.ReadOnly(inspection.InRecovery, verdict is Verdict.Pending { Alterations.Count: var count } ? count : catalog.Count);
            }

            migrationLock = await MigrationLock.TryTakeAsync(connection, options.Timings, logger, stop);
            return migrationLock is not null
                ? new Look.LockTaken(migrationLock)
                : new Look.LockHeld(await LockQueries.FindHolderAsync(connection, stop), await LockQueries.CountSessionsAsync(connection, stop));
        }
        finally
        {
            if (migrationLock is null)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private void WarnOf(Inspection inspection)
    {
        foreach (var index in inspection.InvalidIndexes)
        {
            logger.InvalidIndex(index, LogtoDatabase.Quote(index));
        }

        if (inspection.InRecovery || inspection.ReadOnly)
        {
            logger.ServerIsReadOnly(inspection.InRecovery ? "in recovery" : "read-only");
        }
    }
}
