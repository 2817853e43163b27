using System.Diagnostics;

namespace LogtoMigrateInit.Reporting;

/// <summary>When to say that something long still runs: after ten seconds, then each time that it has lasted twice as long, and every minute from then on.</summary>
internal sealed class ReportPace
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _next = TimeSpan.FromSeconds(10);

    /// <returns>How long it has lasted; null while there is nothing to say.</returns>
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
