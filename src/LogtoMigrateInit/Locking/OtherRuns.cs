using System.Diagnostics;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Ends the sessions that other runs left in the database although this run holds the lock, or waits for them. It logs the wait once for
/// each session. The wait ends with the lock time-out.
/// </summary>
internal sealed class OtherRuns(
    ProgramSettings settings, string sessionName, LogtoDatabase database, WatchedInspection watched, ILogger logger)
{
    private static readonly TimeSpan SessionEndInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Inspects the database once no session of another run is active. The server may not have noticed yet that its client died.
    /// </summary>
    /// <param name="started">The timestamp from which the lock time-out counts.</param>
    /// <param name="whileLocked">Canceled when the lock is lost, or by a signal.</param>
    /// <returns>Either clear, or sessions that are still active at the lock time-out.</returns>
    public async Task<Survey> SurveyAsync(long started, MigrationLock migrationLock, CancellationToken whileLocked)
    {
        var backoff = new Backoff();
        int? reported = null;
        while (true)
        {
            var survey = await database.WithConnectionAsync(
                (connection, token) => watched.WatchAsync(
                    Survey.ReadAsync(connection, sessionName, migrationLock.Pid, watched.Tables, token)),
                whileLocked);
            switch (survey)
            {
                case Survey.OthersEnded ended:
                    foreach (var session in ended.Sessions)
                    {
                        logger.EndedSession($"{session}");
                    }

                    await Task.Delay(SessionEndInterval, whileLocked);
                    break;

                case Survey.OthersAtWork { Sessions: [var other, ..] } when Stopwatch.GetElapsedTime(started) < settings.LockTimeout:
                    if (reported != other.Pid)
                    {
                        reported = other.Pid;
                        logger.WaitingForOrphan($"{other}", other.Query);
                    }

                    await Task.Delay(backoff.Next(), whileLocked);
                    break;

                default:
                    return survey;
            }
        }
    }

    /// <summary>Inspects again before another try of the CLI.</summary>
    /// <returns>Null when sessions of another run are still active at the lock time-out.</returns>
    public async Task<Survey.Clear?> SurveyAgainAsync(LockedRun run) =>
        await SurveyAsync(Stopwatch.GetTimestamp(), run.Lock, run.WhileLocked) as Survey.Clear;
}
