using System.Diagnostics;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// What other runs have left at work although the lock is ours: sessions in our database, which are ended or waited for. The wait is said
/// once and ends with the lock time-out.
/// </summary>
internal sealed class OtherRuns(
    ProgramSettings settings, string sessionName, LogtoDatabase database, WatchedInspection watched, ILogger logger)
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
                (connection, token) => watched.WatchAsync(
                    Survey.ReadAsync(connection, sessionName, migrationLock.Pid, watched.Tables, token)),
                held);
            switch (survey)
            {
                case Survey.OthersEnded ended:
                    foreach (var session in ended.Sessions)
                    {
                        logger.EndedSession($"{session}");
                    }

                    await Task.Delay(SessionEndInterval, held);
                    break;

                case Survey.OthersAtWork { Sessions: [var other, ..] } when Stopwatch.GetElapsedTime(started) < settings.LockTimeout:
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

    /// <summary>Inspects again before the CLI is tried again.</summary>
    /// <returns>Null when other sessions work in the database now.</returns>
    public async Task<Survey.Clear?> SurveyAgainAsync(LockedRun run) =>
        await SurveyAsync(Stopwatch.GetTimestamp(), run.Lock, run.WhileLocked) as Survey.Clear;
}
