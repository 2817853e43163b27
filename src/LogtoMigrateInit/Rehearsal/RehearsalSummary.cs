using System.Globalization;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Summarizes a rehearsal in a clause, and formats figures for all reports.</summary>
internal static class RehearsalSummary
{
    private const int Few = 3;

    /// <summary>Returns the time, the blocked tables and the losses as one clause.</summary>
    public static string Of(RehearsalReport report) => string.Join("; ", new[]
    {
        string.Create(CultureInfo.InvariantCulture, $"{report.SecondsToRun:0.0} s with Logto's CLI"),
        Blocks(report, Blocked.ReadsAndWrites),
        Blocks(report, Blocked.Writes),
        report.Losses.Count > 0 ? $"lost: {Losses(report)}" : "nothing is dropped",
    }.OfType<string>());

    /// <summary>Returns a clause about the table that is blocked longest; null when none is blocked.</summary>
    public static string? Blocks(RehearsalReport report, Blocked blocks) => report.Longest(blocks) is { } longest
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"{What(blocks)} of {longest.Table} ({Size(longest.Bytes)}) blocked for {longest.Alteration.Seconds:0.000} s at most")
        : null;

    /// <summary>Returns the name of the blocked statements.</summary>
    public static string What(Blocked blocks) => blocks == Blocked.Writes ? "writes" : "reads and writes";

    /// <summary>Returns the first three losses with their numbers of values.</summary>
    public static string Losses(RehearsalReport report)
    {
        var more = report.Losses.Count > Few ? $" and {report.Losses.Count - Few} more" : "";
        return $"{string.Join(", ", report.Losses.Take(Few).Select(Of))}{more}";
    }

    /// <summary>Returns all losses: dropped tables and columns and, after a rollback, rows that are gone or changed.</summary>
    public static IEnumerable<string> AllLosses(RehearsalReport report)
    {
        // Unused objects go into one line, because most tables and columns of a new release are still unused at a rollback. A comparison of
        // all rows shows truncated tables too, so they are left out here.
        var losses = report.Losses.Where(loss => loss.Kind != Loss.AllRows || report.Rows is null).ToArray();
        var unused = losses
            .Where(loss => report.IsRollback && loss.Kind != Loss.AllRows && (loss.NotDefault ?? loss.Values) == 0)
            .ToArray();
        foreach (var loss in losses.Except(unused))
        {
            yield return $"{Of(loss)}, by {loss.By.Version} {loss.By.Name}";
        }

        foreach (var table in report.Rows?.Changed.Where(table => table.Gone + table.Changed > 0) ?? [])
        {
            var writers = report.Alterations
                .Where(alteration => alteration.Rows.Any(rows => rows.Table == table.Table))
                .Select(alteration => $"{alteration.Alteration.Version} {alteration.Alteration.Name}")
                .ToArray();
            yield return $"{Of(table)}{(writers.Length == 0 ? "" : $", by {string.Join(", ", writers)}")}";
        }

        // Rows cannot be compared on a copy without all rows. The counts of the trace are then a lower bound.
        var written = report.Alterations.SelectMany(each => each.Rows.Select(rows => (each.Alteration, Rows: rows)));
        foreach (var (alteration, rows) in report is { IsRollback: true, Rows: null } ? written : [])
        {
            if (rows.Updated + rows.Deleted > 0)
            {
                var changed = Of(new ChangedTable(rows.Table, rows.Deleted, rows.Updated, 0));
                yield return $"{changed}, by {alteration.Version} {alteration.Name}, on a copy without all rows";
            }
        }

        if (unused.Length > 0)
        {
            var names = string.Join(", ", unused.Select(loss => $"{loss.Kind} {loss.Name}"));
            yield return $"what is empty, or has nothing but its default: {names}";
        }
    }

    /// <summary>Returns the changes of a table's rows, such as <c>rows of scopes: 3 gone, 2 with other contents</c>.</summary>
    public static string Of(ChangedTable table) => $"rows of {table.Table}: {string.Join(", ", new[]
    {
        table.Gone > 0 ? $"{table.Gone} gone" : null,
        table.Changed > 0 ? $"{table.Changed} with other contents" : null,
        table.New > 0 ? $"{table.New} new" : null,
    }.OfType<string>())}";

    /// <summary>Returns one loss, such as <c>column users.name (12 values)</c>.</summary>
    public static string Of(Loss loss)
    {
        var count = loss.Values?.ToString(CultureInfo.InvariantCulture) ?? "uncounted";
        var unit = $"{(loss.Kind == "column" ? "value" : "row")}{(loss.Values == 1 ? "" : "s")}";
        var notDefault = loss.NotDefault is { } others ? $", other than the default in {others} {(others == 1 ? "row" : "rows")}" : "";
        var what = loss.Kind == Loss.AllRows ? "all rows of" : loss.Kind;
        return $"{what} {loss.Name} ({count} {unit}{notDefault})";
    }

    /// <summary>Returns a size with a suitable unit.</summary>
    public static string Size(long bytes) => bytes switch
    {
        >= 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):0.0} GB"),
        >= 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0} kB"),
    };
}
