using System.Diagnostics;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Decides whether the CLI runs again after a temporary failure: the server was full, or the program canceled an alteration in favor of
/// other sessions. Alterations that are applied are complete, and the CLI does not repeat them.
/// </summary>
/// <param name="connectTimeout">The longest wait for a full server.</param>
internal sealed class CliRetry(TimeSpan connectTimeout, ILogger logger)
{
    /// <summary>The number of tries for one alteration.</summary>
    internal const int Attempts = 6;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);

    private readonly Backoff _backoff = new();
    private long? _fullSince;
    private int _attempt = 1;

    /// <summary>Returns the pause before the CLI runs again; null when it does not.</summary>
    public TimeSpan? Next(CliRun ended)
    {
        if (ended.FoundNoConnection)
        {
            _fullSince ??= Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(_fullSince.Value) > connectTimeout)
            {
                return null;
            }

            logger.RetryingConnection();
            return _backoff.Next(ServerLoad.Full);
        }

        if (ended.GaveWay is null)
        {
            return null;
        }

        _attempt = ended.Finished > 0 ? 2 : _attempt + 1; // the failure of another alteration starts a new count
        if (_attempt > Attempts)
        {
            return null;
        }

        var pause = FirstPause * Math.Pow(2, _attempt - 2);
        logger.RetryingAlteration(ended.GaveWay, pause.TotalSeconds, _attempt, Attempts);
        return pause;
    }
}
