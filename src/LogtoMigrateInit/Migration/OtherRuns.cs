using System.Diagnostics;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// What other runs have left at work although the lock is ours: sessions in our database, which are ended or waited for, and a CLI in our
/// installation, which may belong to another database. Each wait is said once and ends with the lock time-out.
/// </summary>
internal sealed class OtherRuns(
    GateOptions options, LogtoInstallation installation, string sessionName, LogtoDatabase database, WatchedInspection watched, ILogger logger)
{
    private static readonly TimeSpan SessionEndInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits while a session of another run still works: its client is gone, and the server has not noticed yet.</summary>
    /// <param name="started">When the wait began; it ends with the lock time-out.</param>
    /// <param name="migrationLock">Held.</param>
    /// <param name="held">Cancelled when the lock is lost, or by a signal.</param>
    public async Task<Survey> SurveyAsync(long started, MigrationLock migrationLock, CancellationToken held)
    {
        var backoff = new Backoff();
        int? reported = null;
        while (true)
        {
            var survey = await database.WithConnectionAsync(
                (connection, token) => watched.WatchAsync(Survey.ReadAsync(connection, sessionName, migrationLock.Pid, token)), held);
            switch (survey)
            {
                case Survey.OthersEnded ended:
                    foreach (var session in ended.Sessions)
                    {
                        logger.EndedSession($"{session}");
                    }

                    await Task.Delay(SessionEndInterval, held);
                    break;

                case Survey.OthersAtWork { Sessions: [var other, ..] } when Stopwatch.GetElapsedTime(started) < options.LockTimeout:
                    if (reported != other.Pid)
                    {
                        reported = other.Pid;
                        logger.WaitingForOrphan($"{other}", other.Query);
                    }

                    await Task.Delay(backoff.Next(), held);
                    break;

                default:
                    return survey;
            }
        }
    }

    /// <summary>Waits while another process runs Logto's CLI in our installation: two destroy each other's scripts.</summary>
    /// <param name="held">Cancelled when the lock is lost, or by a signal.</param>
    /// <returns>Null when another process had the folder until the lock time-out.</returns>
    public async Task<FolderLock?> TakeFolderAsync(CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        var reported = false;
        while (true)
        {
            // A lock on the folder inside would go with it: the CLI before 1.21 removes it.
            var folder = FolderLock.TryTake(installation.CliDirectory, installation.ScratchDirectory);
            if (folder is not null || Stopwatch.GetElapsedTime(started) >= options.LockTimeout)
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
