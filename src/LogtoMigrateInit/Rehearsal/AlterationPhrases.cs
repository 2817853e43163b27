using System.Globalization;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What one alteration did, in phrases for people.</summary>
internal static class AlterationPhrases
{
    private const int LongestDefinition = 60;
    private const string Grant = "grant";

    /// <summary>Whose definitions fit on a line.</summary>
    private static readonly string[] ShortKinds = ["column", "default", "owner", "row-level security", "storage parameters", Grant];

    /// <summary>None for one that did nothing that can be seen.</summary>
    /// <param name="alteration">What was traced.</param>
    /// <param name="report">Knows which tables are real: nobody waits for one that an alteration before has made.</param>
    public static IEnumerable<string> Of(RehearsedAlteration alteration, RehearsalReport report)
    {
        foreach (var (blocks, what) in new[] { (Blocked.ReadsAndWrites, "reads and writes"), (Blocked.Writes, "writes") })
        {
            if (alteration.Locks.Where(held => held.Blocks == blocks && report.SizeOf(held) is not null).Select(held => held.Table).ToArray() is { Length: > 0 } tables)
            {
                yield return $"blocks {what} of {string.Join(", ", tables)}";
            }
        }

        if (alteration.Rewritten.Count > 0)
        {
            yield return $"rewrites {string.Join(", ", alteration.Rewritten)} and the indexes";
        }

        foreach (var index in alteration.Indexes)
        {
            yield return $"builds index {index.Name}{(index.Concurrently ? $" concurrently, which blocks no writes{Before(alteration)}" : "")}";
        }

        foreach (var group in alteration.Changes.Where(change => change.What is ChangeKind.Created or ChangeKind.Dropped && change.Kind != Grant && !IsBuilt(change, alteration)).GroupBy(change => change.What).OrderByDescending(group => group.Key))
        {
            yield return $"{(group.Key == ChangeKind.Created ? "creates" : "drops")} {string.Join(", ", group.Select(change => $"{change.Kind} {change.Name}{(change is { After: { } value, Kind: "default" or "storage parameters" } ? $" ({Short(value)})" : "")}"))}";
        }

        foreach (var change in alteration.Changes)
        {
            if (change is { Kind: Grant, What: not ChangeKind.Altered })
            {
                yield return change.After is { } rights ? $"grants {rights} on {change.Name}" : $"takes back {change.Before} on {change.Name}";
            }
            else if (change.What == ChangeKind.Renamed)
            {
                yield return $"renames {change.Kind} {change.Before} to {change.Name}";
            }
            else if (change is { What: ChangeKind.Altered, Kind: "enum" })
            {
                yield return $"alters enum {change.Name}: {Labels(change)}";
            }
            else if (change.What == ChangeKind.Altered && !ShortKinds.Contains(change.Kind))
            {
                yield return $"alters {change.Kind} {change.Name}";
            }
            else if (change.What == ChangeKind.Altered)
            {
                yield return $"alters {change.Kind} {change.Name}: {Short(change.Before)} → {Short(change.After)}";
            }
        }

        foreach (var rows in alteration.Rows)
        {
            yield return $"{string.Join(", ", new[] { Count("inserts", rows.Inserted), Count("updates", rows.Updated), Count("deletes", rows.Deleted) }.OfType<string>())} in {rows.Table}{(rows.Updated + rows.Deleted > 0 ? ", which are locked until it ends" : "")}";
        }
    }

    private static bool IsBuilt(SchemaChange change, RehearsedAlteration alteration) => change.Kind == "index" && alteration.Indexes.Any(index => index.Name == change.Name);

    /// <summary>What runs outside of a transaction runs before it.</summary>
    private static string Before(RehearsedAlteration alteration) =>
        alteration.SecondsBefore is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" (within {seconds:0.000} s before the transaction)") : "";

    private static string Labels(SchemaChange change)
    {
        var (before, after) = (change.Before!.Split(", "), change.After!.Split(", "));
        return string.Join(", ", after.Except(before).Select(label => $"adds {label}").Concat(before.Except(after).Select(label => $"drops {label}")).DefaultIfEmpty("another order"));
    }

    private static string? Count(string what, long rows) => rows > 0 ? string.Create(CultureInfo.InvariantCulture, $"{what} {rows} {(rows == 1 ? "row" : "rows")}") : null;

    private static string Short(string? definition)
    {
        var line = OneLine.Escape(string.Join(' ', (definition ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        return line.Length > LongestDefinition ? $"{line[..LongestDefinition]}…" : line;
    }
}
