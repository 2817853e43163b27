using System.Globalization;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A rehearsal in one sentence, and the figures that all reports share.</summary>
internal static class RehearsalSummary
{
    private const int Few = 3;

    /// <summary>How long, what is blocked, what is lost, as a clause.</summary>
    public static string Of(RehearsalReport report) => string.Join("; ", new[]
    {
        string.Create(CultureInfo.InvariantCulture, $"{report.SecondsToRun:0.0} s with Logto's CLI"),
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

    /// <summary>All that is lost: what is dropped, and after a rollback rows that are not what they were.</summary>
    public static IEnumerable<string> AllLosses(RehearsalReport report)
    {
        // What a release brings is mostly not used yet when somebody goes back from it.
        var unused = report.Losses.Where(loss => report.IsRollback && (loss.NotDefault ?? loss.Values) == 0).ToArray();
        foreach (var loss in report.Losses.Except(unused))
        {
            yield return $"{Of(loss)}, by {loss.By.Version} {loss.By.Name}";
        }

        foreach (var table in report.Rows?.Changed.Where(table => table.Gone + table.Changed > 0) ?? [])
        {
            var writers = report.Alterations.Where(alteration => alteration.Rows.Any(rows => rows.Table == table.Table)).Select(alteration => $"{alteration.Alteration.Version} {alteration.Alteration.Name}").ToArray();
            yield return $"{Of(table)}{(writers.Length == 0 ? "" : $", by {string.Join(", ", writers)}")}";
        }

        // Without all rows nothing can be compared, and what was counted on the copy is the least that it is.
        foreach (var (alteration, rows) in report is { IsRollback: true, Rows: null } ? report.Alterations.SelectMany(each => each.Rows.Select(rows => (each.Alteration, rows))) : [])
        {
            if (rows.Updated + rows.Deleted > 0)
            {
                yield return $"{Of(new ChangedTable(rows.Table, rows.Deleted, rows.Updated, 0))}, by {alteration.Version} {alteration.Name}, on a copy without all rows";
            }
        }

        if (unused.Length > 0)
        {
            yield return $"what is empty, or has nothing but its default: {string.Join(", ", unused.Select(loss => $"{loss.Kind} {loss.Name}"))}";
        }
    }

    /// <summary>What became of a table's rows, such as <c>rows of scopes: 3 gone, 2 with other contents</c>.</summary>
    public static string Of(ChangedTable table) => $"rows of {table.Table}: {string.Join(", ", new[]
    {
        table.Gone > 0 ? $"{table.Gone} gone" : null,
        table.Changed > 0 ? $"{table.Changed} with other contents" : null,
        table.New > 0 ? $"{table.New} new" : null,
    }.OfType<string>())}";

    /// <summary>One loss, such as <c>column users.name (12 values)</c>.</summary>
    public static string Of(Loss loss) => $"{loss.Kind} {loss.Name} ({loss.Values?.ToString(CultureInfo.InvariantCulture) ?? "uncounted"} {(loss.Kind == "table" ? "row" : "value")}{(loss.Values == 1 ? "" : "s")}{(loss.NotDefault is { } others ? $", other than the default in {others} {(others == 1 ? "row" : "rows")}" : "")})";

    /// <summary>A size in the unit that suits it.</summary>
    public static string Size(long bytes) => bytes switch
    {
        >= 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):0.0} GB"),
        >= 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0} kB"),
    };
}
