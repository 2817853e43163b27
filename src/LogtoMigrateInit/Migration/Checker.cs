using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>The same verdict as a migration's, without a lock and without a write.</summary>
internal sealed class Checker(GateOptions options, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, TenantLogins logins, Backup backup, ILogger logger)
{
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
            var (inspection, sessions) = await database.WithConnectionAsync(
                async (connection, token) => (
                    await watched.WatchAsync(InspectionQuery.ReadAsync(connection, token)), wait ? await LockQueries.CountSessionsAsync(connection, token) : null),
                stop);
            var verdict = MigrationPlan.Decide(catalog, inspection);
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
