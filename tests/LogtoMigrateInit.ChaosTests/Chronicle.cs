using System.Diagnostics;
using System.Globalization;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>What happened when, and what must not have happened.</summary>
internal sealed class Chronicle
{
    private readonly Lock _lock = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<string> _lines = [];
    private readonly List<string> _violations = [];

    public TimeSpan Now => _clock.Elapsed;

    public IReadOnlyList<string> Lines => Copy(_lines);

    public IReadOnlyList<string> Violations => Copy(_violations);

    public void Note(string what)
    {
        lock (_lock)
        {
            _lines.Add(string.Create(CultureInfo.InvariantCulture, $"{Now.TotalSeconds,9:0.000} s  {what}"));
        }
    }

    /// <summary>The schedule's times count from here.</summary>
    public void Begin() => _clock.Restart();

    /// <summary>Counts it once however often it is said.</summary>
    /// <param name="what">What must not have happened.</param>
    /// <param name="detail">What was seen the first time.</param>
    public void Violate(string what, string detail = "")
    {
        lock (_lock)
        {
            if (!_violations.Contains(what))
            {
                _violations.Add(what);
                Note($"VIOLATION: {what} {detail}");
            }
        }
    }

    private List<string> Copy(List<string> list)
    {
        lock (_lock)
        {
            return [.. list];
        }
    }
}
