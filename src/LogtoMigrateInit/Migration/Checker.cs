using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>The same verdict as a migration's, without a lock and without a write.</summary>
internal sealed class Checker(GateOptions options, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, TenantLogins logins, LeftOvers leftOvers, Backup backup, DriftCheck drift,
    ILogger logger)
{
    /// <summary>The verdict, and when the state is this image's, whether the schema is too.</summary>
    /// <param name="wait">See <see cref="CheckAsync"/>.</param>
    /// <param name="deep">See <see cref="CheckAsync"/>.</param>
    /// <param name="seen">Gets what differs, when it was compared.</param>
    /// <param name="stop">Ends it.</param>
    public async Task<Outcome> CheckDriftAsync(bool wait, bool deep, Action<DriftReport> seen, CancellationToken stop)
    {
        // Row-level security or roles that Logto could not work with come first, and what differs belongs to them.
        var outcome = await CheckAsync(wait, deep, stop);
        if (outcome is not (Outcome.Matches or Outcome.AheadAllowed or Outcome.RowSecurityOff { Alterations.Count: 0 } or Outcome.RolesUnusable { Alterations.Count: 0 } or Outcome.LoginsFailed))
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
            (Outcome.Matches or Outcome.AheadAllowed, DriftResult.Impossible impossible) => new Outcome.DriftUnknown(impossible.Reason),
            (Outcome.Matches matches, DriftResult.Compared { Report: { Differences: [var first, ..] } found }) => new Outcome.Drifted(catalog, matches.State, found.Differences.Count, DriftText.Of(first)),
            (Outcome.Matches matches, DriftResult.Compared { Report: var same }) => new Outcome.Matches(catalog, matches.State, $"and all {same.Compared} objects are what this image itself creates"),
            (Outcome.AheadAllowed ahead, DriftResult.Compared { Report: { Differences: [var first, ..] } found }) => new Outcome.Drifted(catalog, ahead.State, found.Differences.Count, DriftText.Of(first)),
            (Outcome.AheadAllowed ahead, DriftResult.Compared { Report: var same }) => new Outcome.AheadAllowed(catalog, ahead.State, options, $", and all {same.Compared} objects are what this image itself creates"),
            _ => outcome,
        };
    }

    /// <param name="wait">Look again until the schema matches or the lock time-out has passed, also through an empty or missing database.</param>
    /// <param name="deep">When the schema matches, log in as Logto's own roles too.</param>
    /// <param name="stop">Ends the wait.</param>
    public async Task<Outcome> CheckAsync(bool wait, bool deep, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        var pace = new Pace();
        string? reported = null;
        while (true)
        {
            var (outcome, sessions) = await LookAsync(wait, deep, stop);
            if (!wait || outcome is not (Outcome.Pending or Outcome.Empty or Outcome.WouldSeed or Outcome.NoSuchDatabase or Outcome.Unreachable) || Stopwatch.GetElapsedTime(started) >= options.LockTimeout)
            {
                // Better heard in daylight than as exit code 13 at the upgrade.
                if (outcome is Outcome.Pending && options.BackupDirectory is not null && await backup.WhyImpossibleAsync(stop) is { } impossible)
                {
                    logger.BackupWouldFail(impossible);
                }

                return outcome;
            }

            if (reported != outcome.Message)
            {
                reported = outcome.Message;
                logger.WaitingForMatch(outcome.Message);
            }

            await Task.Delay(pace.Next(Stopwatch.GetElapsedTime(started), sessions), stop);
        }
    }

    /// <param name="wait">Count the sessions too, by which those that wait pace themselves.</param>
    /// <param name="deep">See <see cref="CheckAsync"/>.</param>
    /// <param name="stop">Ends the look.</param>
    private async Task<(Outcome Outcome, long? Sessions)> LookAsync(bool wait, bool deep, CancellationToken stop)
    {
        try
        {
            var (inspection, verdict, sessions) = await database.WithConnectionAsync(
                async (connection, token) =>
                {
                    var seen = await watched.WatchAsync(InspectionQuery.ReadAsync(connection, token));
                    var verdict = MigrationPlan.Decide(catalog, seen);
                    if (verdict is Verdict.Matching or Verdict.Pending)
                    {
                        await leftOvers.WarnOfMissingAsync(connection, catalog, seen.State!, token);
                    }

                    return (seen, verdict, wait ? await LockQueries.CountSessionsAsync(connection, token) : null);
                },
                stop);
            var outcome = verdict is Verdict.Empty && options.Seed != SeedMode.False
                ? new Outcome.WouldSeed(options.Database)
                : Outcome.Of(verdict, catalog, options);
            var state = outcome switch
            {
                Outcome.Matches matches => matches.State,
                Outcome.AheadAllowed ahead => ahead.State,
                _ => null,
            };
            return deep && state is not null && await logins.TryAsync(inspection.BehindPooler, stop) is { Count: > 0 } failed
                ? (new Outcome.LoginsFailed(catalog, state, failed), sessions)
                : (outcome, sessions);
        }
        catch (DatabaseException failure)
        {
            return (Outcome.Of(failure, options), null);
        }
    }
}
