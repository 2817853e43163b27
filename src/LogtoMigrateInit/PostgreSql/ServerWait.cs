using System.Diagnostics;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>Repeats attempts to use a server, and logs each new reason once.</summary>
/// <param name="connectTimeout">The longest wait after the first failure.</param>
internal sealed class ServerWait(ServerTarget target, TimeSpan connectTimeout, ILogger logger)
{
    /// <summary>
    /// The time in which a missing database may still appear. Reason: a restore swaps the names of two databases in one transaction. A
    /// connection at that moment gets the error that the database does not exist (PostgreSQL's <c>InitPostgres</c> in <c>postinit.c</c>).
    /// </summary>
    private static readonly TimeSpan LongestSwap = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Repeats an attempt after failures that may be temporary, until the connect time-out has passed since the first failure.
    /// </summary>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> attempt, CancellationToken cancellationToken)
    {
        long? failing = null;
        var backoff = new Backoff();
        string? reported = null;
        while (true)
        {
            DatabaseException failure;
            try
            {
                return await attempt(cancellationToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException && DatabaseException.From(exception) is { } known)
            {
                failure = known;
            }

            failing ??= Stopwatch.GetTimestamp();
            var waited = Stopwatch.GetElapsedTime(failing.Value);
            if (failure.Failure == DatabaseFailure.NoSuchDatabase && waited < LongestSwap)
            {
                await Task.Delay(LongestSwap / 5, cancellationToken);
                continue;
            }

            if (failure.Failure != DatabaseFailure.NotYet || waited >= connectTimeout)
            {
                throw failure;
            }

            if (failure.Message != reported)
            {
                reported = failure.Message;
                logger.WaitingForServer(target.Host, target.Port, failure.Message, (connectTimeout - waited).TotalSeconds);
            }

            var (pause, left) = (backoff.Next(failure.Load), connectTimeout - waited);
            await Task.Delay(pause < left ? pause : left, cancellationToken);
        }
    }
}
