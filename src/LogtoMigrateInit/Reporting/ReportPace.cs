using System.Diagnostics;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Decides when to log that a step still runs: after ten seconds, then each time when the time has doubled, and later every minute.
/// </summary>
internal sealed class ReportPace
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _next = TimeSpan.FromSeconds(10);

    /// <returns>The time since the start; null when no report is due.</returns>
    public TimeSpan? Due()
    {
        var elapsed = Stopwatch.GetElapsedTime(_started);
        if (elapsed < _next)
        {
            return null;
        }

        _next = elapsed + TimeSpan.FromSeconds(Math.Min(60, elapsed.TotalSeconds));
        return elapsed;
    }
}
