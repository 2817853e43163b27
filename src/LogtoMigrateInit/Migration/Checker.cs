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

/// <summary><c>check</c>: the same verdict as a migration's, without a lock and without a write.</summary>
internal sealed class Checker(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, TenantLogins logins,
    DatabaseBackup backup, ILogger logger)
{
    /// <param name="wait">Poll until the schema matches or the lock time-out has passed, also through an empty or missing database.</param>
    /// <param name="deep">When the schema matches, log in as Logto's own roles too.</param>
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
                // Better heard in daylight than as exit code 13 at the upgrade.
                if (outcome is Outcome.AlterationsPending && settings.BackupDirectory is not null
                    && await backup.WhyImpossibleAsync(stop) is { } impossible)
                {
                    logger.BackupWouldFail(impossible);
                }

                if (deep && inspection is not null)
                {
                    await ReportScratchAsync(stop);
                }

                // As `migrate`, which says this only where nothing is pending.
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

    /// <summary>Names the scratch databases of this database, which hold all of its users.</summary>
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

    /// <summary>Compares the schema too, when the state is this image's.</summary>
    /// <param name="outcome">What <see cref="CheckAsync"/> returned.</param>
    /// <param name="drift">The comparison.</param>
    /// <param name="seen">Gets what differs, when it was compared.</param>
    public async Task<Outcome> CheckDriftAsync(Outcome outcome, DriftCheck drift, Action<DriftReport> seen, CancellationToken stop)
    {
        // Row-level security or roles that Logto could not work with come first, and what differs belongs to them.
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

    /// <summary>Starts Logto itself, when nothing is pending and nothing else is wrong.</summary>
    /// <param name="outcome">What the other checks returned.</param>
    /// <param name="start">Starts it.</param>
    /// <param name="seen">Gets what Logto did.</param>
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

    /// <summary>Whether another run, or the server's start, can change this outcome.</summary>
    private static bool MayChange(Outcome outcome) =>
        outcome is Outcome.AlterationsPending or Outcome.Empty or Outcome.WouldSeed or Outcome.NoSuchDatabase or Outcome.Unreachable;

    /// <param name="waiting">Keeps the connection for the next poll; null when there is none.</param>
    /// <param name="deep">See <see cref="CheckAsync"/>.</param>
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
