using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>A <c>pg_dump</c> at work: how far it is, and whom it waits for, is said now and then.</summary>
internal static class WatchedDump
{
    /// <summary>Waits for its end.</summary>
    /// <param name="dumping">It, and what is done with what it writes.</param>
    /// <param name="database">That is dumped.</param>
    /// <param name="sessionName">What its session is called.</param>
    /// <param name="settings">The time-outs.</param>
    /// <param name="report">Says how far it is, after so many seconds.</param>
    /// <param name="logger">Says whom it waits for.</param>
    /// <exception cref="PostgresToolException">It failed; where it waited for a lock for too long, the message names who has it.</exception>
    public static async Task WatchAsync(Task dumping, LogtoDatabase database, string sessionName, ProgramSettings settings, Action<double> report, ILogger logger)
    {
        await using var watch = new SessionWatch(database, sessionName, settings.Timings.Lease, logger);
        var pace = new ReportPace();
        while (await Task.WhenAny(dumping, Task.Delay(SessionWatch.Interval, CancellationToken.None)) != dumping)
        {
            await watch.ReportWaitsAsync();
            if (pace.Due() is { } elapsed)
            {
                report(elapsed.TotalSeconds);
            }
        }

        try
        {
            await dumping;
        }
        catch (PostgresToolException failure) when (failure.Message.Contains("due to statement timeout", StringComparison.Ordinal))
        {
            // pg_dump --lock-wait-timeout is a statement_timeout of its own.
            throw new PostgresToolException($"pg_dump waited {settings.LockTimeout.TotalSeconds:0} s (LOGTO_INIT_LOCK_TIMEOUT_SECONDS) for {watch.LastWait ?? "a lock"}; end that session, and start again", failure);
        }
    }
}
