using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>The same verdict as a migration's, without a lock and without a write.</summary>
internal sealed class Checker(GateOptions options, AlterationCatalog catalog, LogtoDatabase database, ILogger logger)
{
    /// <param name="wait">Look again until the schema matches or the lock time-out has passed, also through an empty or missing database.</param>
    /// <param name="stop">Ends the wait.</param>
    public async Task<Outcome> CheckAsync(bool wait, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        string? reported = null;
        while (true)
        {
            var outcome = await LookAsync(stop);
            if (!wait || outcome is not (Outcome.Pending or Outcome.Empty or Outcome.NoSuchDatabase or Outcome.Unreachable) || Stopwatch.GetElapsedTime(started) >= options.LockTimeout)
            {
                return outcome;
            }

            if (reported != outcome.Message)
            {
                reported = outcome.Message;
                logger.WaitingForMatch(outcome.Message);
            }

            await Task.Delay(backoff.Next(), stop);
        }
    }

    private async Task<Outcome> LookAsync(CancellationToken stop)
    {
        try
        {
            return Outcome.Of(MigrationPlan.Decide(catalog, await database.InspectAsync(stop)), catalog, options);
        }
        catch (DatabaseException failure)
        {
            return Outcome.Of(failure, options);
        }
    }
}
