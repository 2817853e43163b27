using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// Brings the database to the target: wait → inspect → plan → lock → (under the lock, in <see cref="Deployment"/>) inspect again →
/// preflight → deploy → verify. With nothing pending it is one connection and one look.
/// </summary>
internal sealed class MigrationRunner(
    GateOptions options, AlterationCatalog catalog, LogtoDatabase database, Deployment deployment, ILogger logger)
{
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public async Task<Outcome> MigrateAsync(CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        long? readOnlySince = null;
        var backoff = new Backoff();
        string? reported = null;
        while (true)
        {
            Look look;
            try
            {
                look = await database.RetryAsync(LookAsync, stop);
            }
            catch (DatabaseException missing) when (missing.Failure == DatabaseFailure.NoSuchDatabase && options.Seed == SeedMode.Create)
            {
                if (Preflight.SeedableName(options.DatabaseUrl.Database) is { } unusable)
                {
                    return new Outcome.PreflightFailed([unusable]);
                }

                try
                {
                    await database.CreateAsync(stop);
                    continue;
                }
                catch (DatabaseException refusal) when (refusal.Failure != DatabaseFailure.NotYet)
                {
                    return new Outcome.NotCreated(options, refusal.Message);
                }
            }

            await using var migrationLock = look.Lock;
            readOnlySince = look.IsReadOnly ? readOnlySince ?? Stopwatch.GetTimestamp() : null;
            var waited = Stopwatch.GetElapsedTime(readOnlySince ?? started);
            switch (look)
            {
                case { Outcome: { } outcome }:
                    WarnOf(look.Inspection);
                    return outcome;

                case { Lock: { } taken }:
                    logger.LockTaken();
                    return await deployment.RunAsync(taken, stop);

                case { IsReadOnly: true } when waited >= options.ConnectTimeout:
                    return new Outcome.ReadOnly(look.PendingCount, look.Inspection.InRecovery, waited);

                case { IsReadOnly: false } when waited >= options.LockTimeout:
                    return new Outcome.LockTimedOut(waited, look.Holder?.ToString() ?? "a session that could not be seen");

                case { IsReadOnly: true } when reported != "read-only":
                    reported = "read-only";
                    logger.WaitingForWritableServer(look.PendingCount, look.Inspection.InRecovery ? "in recovery" : "read-only", (options.ConnectTimeout - waited).TotalSeconds);
                    break;

                case { Holder: { } holder } when reported != $"{holder.Pid}":
                    reported = $"{holder.Pid}";
                    logger.WaitingForLock($"{holder}");
                    break;
            }

            await Task.Delay(backoff.Next(), stop);
        }
    }

    /// <summary>One poll: looks, decides, and tries for the lock on the same connection, which is held only when the lock was obtained.</summary>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The lock goes to the caller inside the look.")]
    private async Task<Look> LookAsync(CancellationToken stop)
    {
        MigrationLock? migrationLock = null;
        var connection = await database.OpenAsync(stop);
        try
        {
            var inspection = await InspectionQuery.ReadAsync(connection, stop);
            var verdict = MigrationPlan.Decide(catalog, inspection);
            var pendingCount = verdict is Verdict.Pending { Alterations.Count: var count } ? count : catalog.Count;
            if (verdict is not Verdict.Pending && !(verdict is Verdict.Empty && options.Seed != SeedMode.False))
            {
                return new Look(inspection, Outcome.Of(verdict, catalog, options), null, null, 0);
            }

            // A standby would grant the lock too.
            if (inspection.InRecovery || inspection.ReadOnly)
            {
                return new Look(inspection, null, null, null, pendingCount);
            }

            migrationLock = await MigrationLock.TryTakeAsync(connection, logger, stop);
            var holder = migrationLock is null ? await SessionQueries.FindLockHolderAsync(connection, stop) : null;
            return new Look(inspection, null, migrationLock, holder, pendingCount);
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

    /// <param name="Inspection">What the database showed.</param>
    /// <param name="Outcome">Null when there is something to deploy or to seed.</param>
    /// <param name="Lock">Null when none was needed, or another session holds it.</param>
    /// <param name="Holder">Who holds it, when we do not; null also when it was freed just now.</param>
    /// <param name="PendingCount">How many alterations are to be deployed or seeded.</param>
    private sealed record Look(Inspection Inspection, Outcome? Outcome, MigrationLock? Lock, ServerSession? Holder, int PendingCount)
    {
        public bool IsReadOnly => Inspection.InRecovery || Inspection.ReadOnly;
    }
}
