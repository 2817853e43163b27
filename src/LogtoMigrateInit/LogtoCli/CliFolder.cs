using System.Diagnostics;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Takes the lock on the installation's folder before Logto's CLI runs. Reason: another process may run a CLI there for another database,
/// and two CLIs destroy each other's scripts.
/// </summary>
internal sealed class CliFolder(ProgramSettings settings, LogtoInstallation installation, ILogger logger)
{
    /// <summary>A clause and an advice for the case that <see cref="TakeAsync"/> returned null.</summary>
    public string WhyBusy => $"another process still runs Logto's CLI in {installation.CliDirectory} after " +
        $"{settings.LockTimeout.TotalSeconds:0} s. Next: start again when it has ended";

    /// <summary>Waits for the lock until the lock time-out, and logs the wait once.</summary>
    /// <param name="whileLocked">Canceled when the migration lock is lost, or by a signal.</param>
    /// <returns>Null when another process held the lock until the time-out.</returns>
    public async Task<FolderLock?> TakeAsync(CancellationToken whileLocked)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        var reported = false;
        while (true)
        {
            // A lock on the inner folder alone would be lost, because the CLI before 1.21 removes that folder.
            var folder = FolderLock.TryTake(installation.CliDirectory, installation.ScratchDirectory);
            if (folder is not null || Stopwatch.GetElapsedTime(started) >= settings.LockTimeout)
            {
                return folder;
            }

            if (!reported)
            {
                reported = true;
                logger.WaitingForFolder(installation.CliDirectory);
            }

            await Task.Delay(backoff.Next(), whileLocked);
        }
    }
}
