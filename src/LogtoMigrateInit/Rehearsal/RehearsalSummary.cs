using System.Globalization;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A rehearsal in one sentence, and the figures that all reports share.</summary>
internal static class RehearsalSummary
{
    private const int Few = 3;

    /// <summary>How long, what is blocked, what is lost, as a clause.</summary>
    public static string Of(RehearsalReport report) => string.Join("; ", new[]
    {
        string.Create(CultureInfo.InvariantCulture, $"{report.SecondsToDeploy:0.0} s with Logto's CLI"),
        Blocks(report, Blocked.ReadsAndWrites),
        Blocks(report, Blocked.Writes),
        report.Losses.Count > 0 ? $"lost: {Losses(report)}" : "nothing is dropped",
    }.OfType<string>());

    /// <summary>What is blocked longest, and from what; null when nothing is.</summary>
    public static string? Blocks(RehearsalReport report, Blocked blocks) => report.Longest(blocks) is { } longest
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"{What(blocks)} of {longest.Table} ({Size(longest.Bytes)}) blocked for {longest.Alteration.Seconds:0.000} s at most")
        : null;

    /// <summary>What is blocked, in words.</summary>
    public static string What(Blocked blocks) => blocks == Blocked.Writes ? "writes" : "reads and writes";

    /// <summary>What is dropped, with the number of values.</summary>
    public static string Losses(RehearsalReport report) =>
        $"{string.Join(", ", report.Losses.Take(Few).Select(Of))}{(report.Losses.Count > Few ? $" and {report.Losses.Count - Few} more" : "")}";

    /// <summary>One loss, such as <c>column users.name (12 values)</c>.</summary>
    public static string Of(Loss loss) => $"{loss.Kind} {loss.Name} ({loss.Values?.ToString(CultureInfo.InvariantCulture) ?? "uncounted"} {(loss.Kind == "table" ? "rows" : "values")})";

    /// <summary>A size in the unit that suits it.</summary>
    public static string Size(long bytes) => bytes switch
    {
        >= 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):0.0} GB"),
        >= 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0} kB"),
    };
}
