using System.Globalization;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Describes the work of one alteration in phrases for people.</summary>
internal static class AlterationPhrases
{
    private const int LongestDefinition = 60;
    private const string Grant = "grant";

    /// <summary>The kinds of objects whose definitions fit on a line.</summary>
    private static readonly string[] ShortKinds =
    [
        "table", "column", "default", "owner", "row-level security", "storage parameters", Grant,
    ];

    /// <summary>Returns the phrases; none when the alteration left no trace.</summary>
    /// <param name="report">
    /// The report. It shows which tables are real: no session waits for a table that an earlier alteration created.
    /// </param>
    // Over 40 lines: one step for each kind of phrase.
    public static IEnumerable<string> Of(RehearsedAlteration alteration, RehearsalReport report)
    {
        foreach (var (blocks, what) in new[] { (Blocked.ReadsAndWrites, "reads and writes"), (Blocked.Writes, "writes") })
        {
            var held = alteration.Locks.Where(held => held.Blocks == blocks && report.SizeOf(held) is not null);
            if (held.Select(held => held.Table).ToArray() is { Length: > 0 } tables)
            {
                yield return $"blocks {what} of {string.Join(", ", tables)}";
            }
        }

        if (alteration.Truncated.Count > 0)
        {
            yield return $"truncates {string.Join(", ", alteration.Truncated)}: all rows are lost";
        }

        if (alteration.Rewritten.Count > 0)
        {
            yield return $"rewrites {string.Join(", ", alteration.Rewritten)} and the indexes";
        }

        foreach (var index in alteration.Indexes)
        {
            var concurrently = index.Concurrently ? $" concurrently, which blocks no writes{Before(alteration)}" : "";
            yield return $"builds index {index.Name}{concurrently}";
        }

        var wholes = alteration.Changes
            .Where(change => change.What is ChangeKind.Created or ChangeKind.Dropped)
            .Where(change => change.Kind != Grant && !IsBuilt(change, alteration))
            .GroupBy(change => change.What)
            .OrderByDescending(group => group.Key);
        foreach (var group in wholes)
        {
            var verb = group.Key == ChangeKind.Created ? "creates" : "drops";
            yield return $"{verb} {string.Join(", ", group.Select(change => $"{change.Kind} {change.Name}{Value(change)}"))}";
        }

        foreach (var phrase in alteration.Changes.Select(Of).OfType<string>())
        {
            yield return phrase;
        }

        foreach (var rows in alteration.Rows)
        {
            yield return Of(rows);
        }
    }

    /// <returns>Null for created and dropped objects.</returns>
    private static string? Of(SchemaChange change) => change switch
    {
        { Kind: Grant, What: not ChangeKind.Altered, After: { } rights } => $"grants {rights} on {change.Name}",
        { Kind: Grant, What: not ChangeKind.Altered } => $"takes back {change.Before} on {change.Name}",
        { What: ChangeKind.Renamed } => $"renames {change.Kind} {change.Before} to {change.Name}",
        { What: ChangeKind.Altered, Kind: "enum" } => $"alters enum {change.Name}: {Labels(change)}",
        { What: ChangeKind.Altered } when !ShortKinds.Contains(change.Kind) => $"alters {change.Kind} {change.Name}",
        { What: ChangeKind.Altered } => $"alters {change.Kind} {change.Name}: {Short(change.Before)} → {Short(change.After)}",
        _ => null,
    };

    private static string Of(TracedRows rows)
    {
        string?[] counts = [Count("inserts", rows.Inserted), Count("updates", rows.Updated), Count("deletes", rows.Deleted)];
        var locked = rows.Updated + rows.Deleted > 0 ? ", which are locked until it ends" : "";
        return $"{string.Join(", ", counts.OfType<string>())} in {rows.Table}{locked}";
    }

    private static string Value(SchemaChange change) =>
        change is { After: { } value, Kind: "default" or "storage parameters" } ? $" ({Short(value)})" : "";

    private static bool IsBuilt(SchemaChange change, RehearsedAlteration alteration) =>
        change.Kind == "index" && alteration.Indexes.Any(index => index.Name == change.Name);

    /// <summary>Returns the time before the transaction, in which an index outside the transaction is built.</summary>
    private static string Before(RehearsedAlteration alteration) =>
        alteration.SecondsBefore is { } seconds
            ? string.Create(CultureInfo.InvariantCulture, $" (within {seconds:0.000} s before the transaction)")
            : "";

    private static string Labels(SchemaChange change)
    {
        var (before, after) = (change.Before!.Split(", "), change.After!.Split(", "));
        var added = after.Except(before).Select(label => $"adds {label}");
        var dropped = before.Except(after).Select(label => $"drops {label}");
        return string.Join(", ", added.Concat(dropped).DefaultIfEmpty("another order"));
    }

    private static string? Count(string what, long rows) =>
        rows > 0 ? string.Create(CultureInfo.InvariantCulture, $"{what} {rows} {(rows == 1 ? "row" : "rows")}") : null;

    private static string Short(string? definition)
    {
        var line = OneLine.Escape(string.Join(' ', (definition ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        return line.Length > LongestDefinition ? $"{line[..LongestDefinition]}…" : line;
    }
}
