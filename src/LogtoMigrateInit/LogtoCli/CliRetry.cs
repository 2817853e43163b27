using System.Diagnostics;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Decides whether the CLI runs again after a failure that passes: the server was full, or an alteration gave way to others. What it has
/// done before is complete and is not done again.
/// </summary>
/// <param name="connectTimeout">How long a full server is waited for.</param>
/// <param name="logger">Says that the CLI runs again.</param>
internal sealed class CliRetry(TimeSpan connectTimeout, ILogger logger)
{
    /// <summary>How often one alteration is tried.</summary>
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

        _attempt = ended.Finished > 0 ? 2 : _attempt + 1; // another alteration begins to count anew
        if (_attempt > Attempts)
        {
            return null;
        }

        var pause = FirstPause * Math.Pow(2, _attempt - 2);
        logger.RetryingAlteration(ended.GaveWay, pause.TotalSeconds, _attempt, Attempts);
        return pause;
    }
}
