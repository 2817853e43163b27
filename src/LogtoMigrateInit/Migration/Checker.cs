using System.Diagnostics;
using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>The work of <c>check</c>: reaches the same verdict as a migration, without a lock and without a write.</summary>
internal sealed class Checker(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, TenantLogins logins,
    DatabaseBackup backup, ILogger logger)
{
    /// <summary>Returns the outcome of a migration that would start now.</summary>
    /// <param name="wait">
    /// Polls until the schema matches or the lock time-out has passed, even while the database is empty or missing.
    /// </param>
    /// <param name="deep">Also logs in as Logto's roles when the schema matches, and reports scratch databases.</param>
    public async Task<Outcome> CheckAsync(bool wait, bool deep, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        await using var waiting = new WaitingConnection(database);
        string? reported = null;
        while (true)
        {
            var (outcome, inspection) = await PollAsync(wait ? waiting : null, deep, stop);
            if (!wait || !MayChange(outcome) || Stopwatch.GetElapsedTime(started) >= settings.LockTimeout)
            {
                // The operator should learn this now, and not from exit code 13 during the upgrade.
                if (outcome is Outcome.AlterationsPending && settings.BackupDirectory is not null
                    && await backup.WhyImpossibleAsync(stop) is { } impossible)
                {
                    logger.BackupWouldFail(impossible);
                }

                if (deep && inspection is not null)
                {
                    await ReportScratchAsync(stop);
                }

                // `migrate` too logs these warnings only when nothing is pending.
                if (inspection is not null && outcome.Pending.Count == 0)
                {
                    watched.Warn(inspection);
                }

                return outcome;
            }

            if (reported != outcome.Message)
            {
                reported = outcome.Message;
                logger.WaitingForMatch(outcome.Message);
            }

            await Task.Delay(waiting.NextPause(Stopwatch.GetElapsedTime(started)), stop);
        }
    }

    /// <summary>Logs the scratch databases of this database, because they may hold all of its users.</summary>
    private async Task ReportScratchAsync(CancellationToken stop)
    {
        try
        {
            foreach (var name in await database.WithConnectionAsync(
                (connection, token) => ClusterQueries.FindScratchAsync(connection, settings.Main.Database, token), stop))
            {
                logger.ScratchIsThere(name);
            }
        }
        catch (DatabaseException unseen)
        {
            logger.ScratchNotSeen(unseen.Message);
        }
    }

    /// <summary>Compares the schema, unless alterations are pending or the database is not usable.</summary>
    /// <param name="outcome">The result of <see cref="CheckAsync"/>.</param>
    /// <param name="seen">Receives the report when the schema was compared.</param>
    public async Task<Outcome> CheckDriftAsync(Outcome outcome, DriftCheck drift, Action<DriftReport> seen, CancellationToken stop)
    {
        // Wrong row-level security or roles stay the outcome. The differences of the schema help to repair them.
        var compares = outcome is Outcome.Matches or Outcome.AheadAllowed or Outcome.LoginsFailed
            || outcome is Outcome.RowSecurityOff { Pending.Count: 0 } or Outcome.WouldFail { Pending.Count: 0 };
        if (!compares)
        {
            return outcome;
        }

        var result = await drift.RunAsync(stop);
        if (result is DriftResult.Compared { Report: var report })
        {
            seen(report);
        }

        return (outcome, result) switch
        {
            (not (Outcome.Matches or Outcome.AheadAllowed), _) => outcome,
            (_, DriftResult.Impossible impossible) => new Outcome.DriftUnknown(outcome.State!, impossible.Reason),
            (_, DriftResult.Compared { Report: { Differences: [var first, ..] } found }) =>
                new Outcome.Drifted(catalog, outcome.State!, found.Differences.Count, DriftText.Short(first), DriftText.OfSql(found)),
            (Outcome.Matches, DriftResult.Compared { Report: var same }) =>
                new Outcome.Matches(catalog, outcome.State!, $"and all {same.Compared} objects are what this image itself creates"),
            (_, DriftResult.Compared { Report: var same }) => new Outcome.AheadAllowed(
                catalog, outcome.State!, settings, $", and all {same.Compared} objects are what this image itself creates"),
            _ => throw new UnreachableException(),
        };
    }

    /// <summary>Starts Logto itself, if nothing is pending and nothing else is wrong.</summary>
    /// <param name="outcome">The result of the other checks.</param>
    /// <param name="seen">Receives the result of the start.</param>
    public async Task<Outcome> CheckStartAsync(Outcome outcome, DatabaseStart start, Action<ServerStart> seen, CancellationToken stop)
    {
        if (outcome is not (Outcome.Matches or Outcome.AheadAllowed))
        {
            return outcome;
        }

        var result = await start.RunAsync(stop);
        seen(result);
        return (outcome, result) switch
        {
            (_, ServerStart.NotStarted { Reason: var reason }) => new Outcome.StartUnknown(outcome.State!, reason),
            (_, ServerStart.Failed { Reason: var reason }) => new Outcome.StartFailed(catalog, outcome.State!, reason),
            (Outcome.Matches matches, _) =>
                new Outcome.Matches(catalog, outcome.State!, $"{matches.Done}, and Logto itself, started here, {result}"),
            (Outcome.AheadAllowed ahead, _) => new Outcome.AheadAllowed(
                catalog, outcome.State!, settings, $"{ahead.Compared}; Logto itself, started here, {result}"),
            _ => throw new UnreachableException(),
        };
    }

    /// <summary>Whether waiting may change the outcome, because another run migrates or the server is starting.</summary>
    private static bool MayChange(Outcome outcome) =>
        outcome is Outcome.AlterationsPending or Outcome.Empty or Outcome.WouldSeed or Outcome.NoSuchDatabase or Outcome.Unreachable;

    /// <param name="waiting">Keeps the connection for the next poll; null when this is the only poll.</param>
    private async Task<(Outcome Outcome, Inspection? Inspection)> PollAsync(WaitingConnection? waiting, bool deep, CancellationToken stop)
    {
        try
        {
            var (inspection, verdict) = waiting is null
                ? await database.WithConnectionAsync(watched.DecideAsync, stop)
                : await database.RetryAsync(token => PollAsync(waiting, token), stop);
            var outcome = Outcome.Of(verdict, catalog, settings);
            return deep && outcome is (Outcome.Matches or Outcome.AheadAllowed)
                && await logins.TryAsync(inspection.ReadOnly, stop) is { Count: > 0 } failed
                ? (new Outcome.LoginsFailed(catalog, outcome.State!, failed, inspection.BehindPooler), inspection)
                : (outcome, inspection);
        }
        catch (DatabaseException failure)
        {
            return (Outcome.Of(failure, settings), null);
        }
    }

    private async Task<(Inspection Inspection, Verdict Verdict)> PollAsync(WaitingConnection waiting, CancellationToken stop)
    {
        var connection = await waiting.TakeAsync(stop);
        var isRead = false;
        try
        {
            var read = await watched.DecideAsync(connection, stop);
            isRead = true;
            await waiting.KeepOrCloseAsync(connection, stop);
            return read;
        }
        finally
        {
            if (!isRead)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
