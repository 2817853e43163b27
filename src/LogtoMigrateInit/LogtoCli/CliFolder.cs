using System.Diagnostics;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// The right to run Logto's CLI in our installation, where one of another database may be at work: two destroy each other's scripts.
/// </summary>
internal sealed class CliFolder(ProgramSettings settings, LogtoInstallation installation, ILogger logger)
{
    /// <summary>Why there was none.</summary>
    public string WhyBusy => $"another process still runs Logto's CLI in {installation.CliDirectory} after " +
        $"{settings.LockTimeout.TotalSeconds:0} s. Next: start again when it has ended";

    /// <summary>Waits while another process has it; the wait is said once and ends with the lock time-out.</summary>
    /// <param name="held">Cancelled when the migration lock is lost, or by a signal.</param>
    /// <returns>Null when another process had the folder until the lock time-out.</returns>
    public async Task<FolderLock?> TakeAsync(CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        var reported = false;
        while (true)
        {
            // A lock on the folder inside would go with it: the CLI before 1.21 removes it.
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

            await Task.Delay(backoff.Next(), held);
        }
    }
}
