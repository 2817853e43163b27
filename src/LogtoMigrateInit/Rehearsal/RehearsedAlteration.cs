using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The work of one alteration on the copy, measured inside its transaction.</summary>
/// <param name="Seconds">The time from the start of the transaction to the end of the work. No lock was held for longer.</param>
/// <param name="SecondsBefore">
/// The time from the end of the previous transaction to the start of this one, in which it builds concurrent indexes; null for the first.
/// </param>
/// <param name="Locks">The strongest lock on each table and view that existed before.</param>
/// <param name="Truncated">The tables that the alteration emptied with <c>truncate</c>, with their names before.</param>
/// <param name="Rewritten">The other tables that PostgreSQL rewrote.</param>
/// <param name="Indexes">The indexes that were built, except those of truncated, rewritten and new tables.</param>
/// <param name="Changes">All other changes of the catalog.</param>
/// <param name="Rows">The rows written in each table, including steps that were rolled back.</param>
internal sealed record RehearsedAlteration(
    Alteration Alteration,
    double Seconds,
    double? SecondsBefore,
    IReadOnlyList<TableLock> Locks,
    IReadOnlyList<string> Truncated,
    IReadOnlyList<string> Rewritten,
    IReadOnlyList<BuiltIndex> Indexes,
    IReadOnlyList<SchemaChange> Changes,
    IReadOnlyList<TracedRows> Rows)
{
    /// <summary>
    /// Whether the server counts rows (<c>track_counts</c>). The program recognizes that by the row of the state, which every alteration
    /// writes.
    /// </summary>
    public bool IsCounted { get; init; }

    /// <summary>Whether neither the schema nor a row changed; false also when the server does not count rows.</summary>
    public bool ChangedNothing => IsCounted && Truncated.Count + Rewritten.Count + Indexes.Count + Changes.Count + Rows.Count == 0;

    private const string OfConstraint = "index of a constraint";
    private const string Index = "index";
    private const string Column = "column";

    private static readonly string[] HoldsRows = ["table", "materialized view", Column];

    /// <summary>The kinds of tables and of objects that are used like tables.</summary>
    public static readonly string[] Relations = ["table", "view", "materialized view", "foreign table", "sequence"];

    /// <summary>Interprets the records of a trace.</summary>
    /// <param name="traced">All records, in order.</param>
    /// <param name="job">The job that was traced.</param>
    public static IReadOnlyList<RehearsedAlteration> Of(IReadOnlyList<TracedAlteration> traced, CliJob job)
    {
        var rehearsed = new List<RehearsedAlteration>();
        TracedAlteration? previous = null;
        foreach (var each in traced)
        {
            if (job.Alterations.FirstOrDefault(alteration => job.StateAfter(alteration).Equals(each.State)) is { } alteration)
            {
                rehearsed.Add(Of(each, previous, alteration));
            }

            previous = each;
        }

        return rehearsed;
    }

    // Over 40 lines: one line for each part of the record.
    private static RehearsedAlteration Of(TracedAlteration traced, TracedAlteration? previous, Alteration alteration)
    {
        var changes = Joined(traced.Changes);
        var created = WholesOf(changes, change => change.Before is null ? change.After : null);
        var dropped = WholesOf(changes, change => change.After is null ? change.Before : null);
        var emptied = traced.Truncated.Select(table => table.Id).ToHashSet(StringComparer.Ordinal);
        var filed = changes.Where(IsRewritten).ToArray();
        var rewritten = filed
            .Where(change => !emptied.Contains(change.Id))
            .Select(change => change.After!.Name)
            .Order(StringComparer.Ordinal)
            .ToArray();
        return new RehearsedAlteration(
            alteration,
            (traced.Ended - traced.Began).TotalSeconds,
            previous is null ? null : Math.Max(0, (traced.Began - previous.Resumed).TotalSeconds),
            LocksOf(traced),
            [.. traced.Truncated.Select(table => table.Table).Order(StringComparer.Ordinal)],
            rewritten,
            IndexesOf(traced, changes, [.. created, .. filed.Select(change => change.After!.Name)]),
            ChangesOf(changes, created, dropped),
            RowsOf(traced))
        { IsCounted = traced.Rows.Any(rows => rows.Table == LogtoNames.Systems && rows.Inserted + rows.Updated > 0) };
    }

    private static bool IsRewritten(TracedChange change) =>
        change is { Before: { Kind: "table" or "materialized view", File: > 0 } before, After.File: > 0 and var file }
        && before.File != file;

    /// <summary>Returns the strongest lock on each table, without the lock that writing the state needs.</summary>
    private static IReadOnlyList<TableLock> LocksOf(TracedAlteration traced)
    {
        var ofState = TableLock.Strength("RowExclusiveLock");
        return
        [
            .. traced.Locks
                .Where(held => held.Table is not null)
                .Where(held => held.Table != LogtoNames.Systems || TableLock.Strength(held.Mode) > ofState)
                .GroupBy(held => held.Table!)
                .Select(table => new TableLock(table.Key, table.MaxBy(held => TableLock.Strength(held.Mode))!.Mode))
                .OrderByDescending(table => TableLock.Strength(table.Mode))
                .ThenBy(table => table.Table, StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// Returns the new indexes. One without an exclusive lock at the end of the transaction was built before the transaction.
    /// </summary>
    private static IReadOnlyList<BuiltIndex> IndexesOf(TracedAlteration traced, List<TracedChange> changes, HashSet<string> newTables)
    {
        var held = traced.Locks
            .Where(held => held.Mode == "AccessExclusiveLock")
            .Select(held => held.Relation)
            .ToHashSet(StringComparer.Ordinal);
        return
        [
            .. from change in changes
               where change is { Kind: Index or OfConstraint, After: { } after }
                   && change.Before?.File != after.File
                   && !newTables.Contains(after.Table!)
               orderby change.After!.Name
               select new BuiltIndex(change.After!.Name, change.After.Table!, !held.Contains(change.Id)),
        ];
    }

    private static IReadOnlyList<SchemaChange> ChangesOf(List<TracedChange> changes, HashSet<string> created, HashSet<string> dropped)
    {
        var renames = new RenamedParts(changes);
        return
        [
            .. changes
                .Where(change => !IsPartOf(change.After, created) && !IsPartOf(change.Before, dropped))
                .Select(change => Describe(change, changes, renames))
                .OfType<SchemaChange>()
                .OrderBy(change => change.What)
                .ThenBy(change => change.Kind, StringComparer.Ordinal)
                .ThenBy(change => change.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// Joins a drop and a creation of the same name into one change, unless rows are lost. Reason: PostgreSQL itself drops and creates
    /// objects. For example, when a column becomes wider, its indexes get another identity and usually keep their files
    /// (https://www.postgresql.org/docs/current/sql-altertable.html).
    /// </summary>
    private static List<TracedChange> Joined(IReadOnlyList<TracedChange> changes)
    {
        var result = new List<TracedChange>(changes);
        foreach (var gone in changes.Where(change => change.After is null && !HoldsRows.Contains(change.Kind)))
        {
            var again = result.Find(change =>
                change.Before is null
                && change.After is { } after
                && (after.Kind, after.Name) == (gone.Before!.Kind, gone.Before.Name));
            if (again is not null)
            {
                result.Remove(gone);
                result.Remove(again);
                if ((again.After!.File, again.After.Definition) != (gone.Before!.File, gone.Before.Definition))
                {
                    result.Add(again with { Before = gone.Before });
                }
            }
        }

        return result;
    }

    /// <summary>Returns the names of the objects that have parts, such as columns, an owner or rights.</summary>
    private static HashSet<string> WholesOf(IEnumerable<TracedChange> changes, Func<TracedChange, TracedObject?> side) => changes
        .Select(side)
        .Where(each => each is not null && (Relations.Contains(each.Kind) || each.Kind is "function" or "enum"))
        .Select(each => each!.Name)
        .ToHashSet(StringComparer.Ordinal);

    private static bool IsPartOf(TracedObject? part, HashSet<string> wholes) =>
        part is { Table: { } whole } && !Relations.Contains(part.Kind) && wholes.Contains(whole);

    /// <returns>Null when another change includes this one.</returns>
    private static SchemaChange? Describe(TracedChange change, List<TracedChange> all, RenamedParts renames)
    {
        var (before, after) = (change.Before, change.After);
        var kind = change.Kind;
        if (kind == OfConstraint || (kind is "not null" or "default" && IsOfNewOrLostColumn(change, all)))
        {
            return null;
        }

        if (before is null)
        {
            var definition = kind == Column ? DefinitionOfNew(after!, all) : after!.Definition;
            return new SchemaChange(ChangeKind.Created, kind, after!.Name, after.Table, null, definition);
        }

        if (after is null)
        {
            return new SchemaChange(ChangeKind.Dropped, kind, before.Name, before.Table, before.Definition, null);
        }

        return before.Definition != after.Definition && renames.Definition(before, after) != after.Definition
            ? new SchemaChange(ChangeKind.Altered, kind, after.Name, before.Table, before.Definition, after.Definition)
            : renames.Name(before) != after.Name
            ? new SchemaChange(ChangeKind.Renamed, kind, after.Name, before.Table, before.Name, after.Name)
            : null;
    }

    private static bool IsOfNewOrLostColumn(TracedChange change, List<TracedChange> all) =>
        (change.Before is null || change.After is null)
        && all.Exists(column =>
            column.Kind == Column
            && column.Id == change.Id
            && (column.Before is null) == (change.Before is null)
            && (column.After is null) == (change.After is null));

    private static string DefinitionOfNew(TracedObject column, List<TracedChange> all)
    {
        TracedObject? Of(string kind) =>
            all.Find(change => change.Kind == kind && change.Before is null && change.After!.Name == column.Name)?.After;
        var fallback = Of("default") is { } expression ? $" default {expression.Definition}" : "";
        var required = Of("not null") is null ? "" : " not null";
        return $"{column.Definition}{fallback}{required}";
    }

    /// <summary>Returns the rows without the row of the state, which every alteration writes.</summary>
    private static IReadOnlyList<TracedRows> RowsOf(TracedAlteration traced) =>
    [
        .. from rows in traced.Rows
           let own = WithoutState(rows)
           where own.Inserted > 0 || own.Updated > 0 || own.Deleted > 0
           orderby own.Table
           select own,
    ];

    private static TracedRows WithoutState(TracedRows rows) => rows switch
    {
        { Table: not LogtoNames.Systems } => rows,
        { Updated: > 0 } => rows with { Updated = rows.Updated - 1 },
        _ => rows with { Inserted = rows.Inserted - 1 },
    };
}
