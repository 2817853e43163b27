using System.Diagnostics;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>Reports the progress of a running <c>pg_dump</c> and the sessions that block it.</summary>
internal static class WatchedDump
{
    /// <summary>Waits until the dump ends.</summary>
    /// <param name="dumping">The dump and the processing of its output.</param>
    /// <param name="sessionName">The <c>application_name</c> of the dump's session.</param>
    /// <param name="report">Logs the progress. Its argument is the elapsed time in seconds.</param>
    /// <exception cref="PostgresToolException">The dump failed. After a lock time-out the message names the blocking session.</exception>
    public static async Task WatchAsync(
        Task dumping,
        LogtoDatabase database,
        string sessionName,
        ProgramSettings settings,
        Action<double> report,
        ILogger logger)
    {
        await using var watch = new SessionWatch(database, sessionName, settings.Timings.Lease, logger);
        var began = Stopwatch.GetTimestamp();
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
        catch (PostgresToolException failure)
            when (failure.Message.Contains("due to statement timeout", StringComparison.Ordinal)
                || (watch.HasJustWaited && Stopwatch.GetElapsedTime(began) >= settings.LockTimeout))
        {
            // pg_dump --lock-wait-timeout sets a statement_timeout. The server's message may be in another language, so the elapsed time
            // counts too.
            var reason = $"pg_dump waited {settings.LockTimeout.TotalSeconds:0} s (LOGTO_INIT_LOCK_TIMEOUT_SECONDS) " +
                $"for {watch.LastWait ?? "a lock"}. Next: end that session, and start again";
            throw new PostgresToolException(reason, failure);
        }
    }
}
