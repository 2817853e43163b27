using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What other sessions cannot do on a table that is locked (https://www.postgresql.org/docs/current/explicit-locking.html).</summary>
internal enum Blocked
{
    /// <summary>Nothing that Logto does.</summary>
    Nothing = 0,

    /// <summary>Inserts, updates and deletes.</summary>
    Writes = 1,

    ReadsAndWrites = 2,
}

/// <summary>The strongest lock on a table or view that was there before the alteration.</summary>
/// <param name="Table">Its name before.</param>
/// <param name="Mode">As <c>pg_locks</c> names it.</param>
internal sealed record TableLock(string Table, string Mode)
{
    /// <summary>The same table in the real database; null when there is none, because an alteration before has made it.</summary>
    public string? Real { get; init; }

    private static readonly string[] Modes =
    [
        "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
    ];

    public Blocked Blocks => Mode switch
    {
        "AccessExclusiveLock" => Blocked.ReadsAndWrites,
        "ShareLock" or "ShareRowExclusiveLock" or "ExclusiveLock" => Blocked.Writes,
        _ => Blocked.Nothing,
    };

    /// <summary>From the weakest to the strongest.</summary>
    public static int Strength(string mode) => Array.IndexOf(Modes, mode);
}

/// <summary>An index that was built on a table that was there before.</summary>
/// <param name="Name">With its table, as in <c>users__name on users</c>.</param>
/// <param name="Table">The table.</param>
/// <param name="Concurrently">Outside of the alteration's transaction, so that the table could be written meanwhile.</param>
internal sealed record BuiltIndex(string Name, string Table, bool Concurrently);

/// <summary>What became of an object.</summary>
internal enum ChangeKind
{
    Created,
    Dropped,
    Altered,
    Renamed,
}

/// <summary>One change of the schema; what belongs to a table that was created or dropped with it is not counted by itself.</summary>
/// <param name="What">What became of it.</param>
/// <param name="Kind">See <see cref="SchemaObject.Kind"/>.</param>
/// <param name="Name">What it is called afterwards, or was when it is gone.</param>
/// <param name="Table">What it belonged to before; null when it stands alone.</param>
/// <param name="Before">Its definition, or its name when it was renamed; null when it is new.</param>
/// <param name="After">The same afterwards; null when it is gone.</param>
internal sealed record SchemaChange(ChangeKind What, string Kind, string Name, string? Table, string? Before, string? After);

/// <summary>What one alteration did to the copy, measured from inside of its transaction.</summary>
/// <param name="Alteration">Which.</param>
/// <param name="Seconds">From the beginning of its transaction to the end of its work: as long as that its locks are held at most.</param>
/// <param name="SecondsBefore">Between the end of the transaction before and the beginning of this one, in which indexes are built concurrently; null for the first.</param>
/// <param name="Locks">On tables and views that were there before, one each.</param>
/// <param name="Rewritten">Tables that were written anew.</param>
/// <param name="Indexes">That were built, those of rewritten and of new tables excepted.</param>
/// <param name="Changes">All else that the catalogue shows.</param>
/// <param name="Rows">Written in each table.</param>
internal sealed record RehearsedAlteration(
    Alteration Alteration, double Seconds, double? SecondsBefore, IReadOnlyList<TableLock> Locks, IReadOnlyList<string> Rewritten, IReadOnlyList<BuiltIndex> Indexes,
    IReadOnlyList<SchemaChange> Changes, IReadOnlyList<TracedRows> Rows)
{
    /// <summary>The server counts rows (<c>track_counts</c>): then it has counted the one that says which alterations are applied.</summary>
    public bool IsCounted { get; init; }

    /// <summary>Neither the schema nor a row is otherwise than before.</summary>
    public bool ChangedNothing => IsCounted && Rewritten.Count + Indexes.Count + Changes.Count + Rows.Count == 0;

    private const string OfConstraint = "index of a constraint";
    private const string Index = "index";
    private const string Column = "column";

    private static readonly string[] HoldsRows = ["table", "materialized view", Column];

    private static readonly string[] Relations = ["table", "view", "materialized view", "foreign table", "sequence"];

    /// <summary>What the trace means.</summary>
    /// <param name="traced">All of it, in order.</param>
    /// <param name="job">What was to be done.</param>
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

    private static RehearsedAlteration Of(TracedAlteration traced, TracedAlteration? previous, Alteration alteration)
    {
        var changes = Joined(traced.Changes);
        var created = NamesOf(changes, change => change.Before is null ? change.After : null);
        var dropped = NamesOf(changes, change => change.After is null ? change.Before : null);
        var rewritten = changes.Where(change => change is { Before: { Kind: "table" or "materialized view", File: > 0 } before, After.File: > 0 and var file } && before.File != file)
            .Select(change => change.After!.Name)
            .Order(StringComparer.Ordinal)
            .ToArray();
        var held = traced.Locks.Where(held => held.Mode == "AccessExclusiveLock").Select(held => held.Relation).ToHashSet(StringComparer.Ordinal);
        return new RehearsedAlteration(
            alteration,
            (traced.Ended - traced.Began).TotalSeconds,
            previous is null ? null : Math.Max(0, (traced.Began - previous.Resumed).TotalSeconds),
            [.. traced.Locks.Where(held => held.Table is not null && !(held.Table == LogtoNames.Systems && TableLock.Strength(held.Mode) <= TableLock.Strength("RowExclusiveLock")))
                .GroupBy(held => held.Table!)
                .Select(table => new TableLock(table.Key, table.MaxBy(held => TableLock.Strength(held.Mode))!.Mode))
                .OrderByDescending(table => TableLock.Strength(table.Mode)).ThenBy(table => table.Table, StringComparer.Ordinal)],
            rewritten,
            [.. from change in changes
                where change is { Kind: Index or OfConstraint, After: { } after } && change.Before?.File != after.File && !created.Contains(after.Table!) && !rewritten.Contains(after.Table)
                orderby change.After!.Name
                select new BuiltIndex(change.After!.Name, change.After.Table!, !held.Contains(change.Id))],
            [.. changes.Where(change => !IsPartOf(change.After, created) && !IsPartOf(change.Before, dropped)).Select(change => Describe(change, changes)).OfType<SchemaChange>()
                .OrderBy(change => change.What).ThenBy(change => change.Kind, StringComparer.Ordinal).ThenBy(change => change.Name, StringComparer.Ordinal)],
            RowsOf(traced, previous))
        { IsCounted = WrittenStates(traced) > 0 };
    }

    /// <summary>
    /// What is dropped and made again is the same object to an operator, unless rows go with it. PostgreSQL does so by itself, as with the
    /// indexes of a column that becomes wider, which have another identity then and mostly the same file
    /// (https://www.postgresql.org/docs/current/sql-altertable.html).
    /// </summary>
    private static List<TracedChange> Joined(IReadOnlyList<TracedChange> changes)
    {
        var result = new List<TracedChange>(changes);
        foreach (var gone in changes.Where(change => change.After is null && !HoldsRows.Contains(change.Kind)))
        {
            var again = result.Find(change => change.Before is null && change.After is { } after && (after.Kind, after.Name) == (gone.Before!.Kind, gone.Before.Name));
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

    private static HashSet<string> NamesOf(IEnumerable<TracedChange> changes, Func<TracedChange, TracedObject?> side) =>
        changes.Select(side).Where(each => each is not null && Relations.Contains(each.Kind)).Select(each => each!.Name).ToHashSet(StringComparer.Ordinal);

    private static bool IsPartOf(TracedObject? part, HashSet<string> tables) => part is { Table: { } table } && !Relations.Contains(part.Kind) && tables.Contains(table);

    /// <returns>Null for what another line says.</returns>
    private static SchemaChange? Describe(TracedChange change, List<TracedChange> all)
    {
        var (before, after) = (change.Before, change.After);
        var kind = change.Kind;
        if (kind == OfConstraint || (kind is "not null" or "default" && IsOfNewOrLostColumn(change, all)))
        {
            return null;
        }

        if (before is null)
        {
            return new SchemaChange(ChangeKind.Created, kind, after!.Name, after.Table, null, kind == Column ? DefinitionOfNew(after, all) : after.Definition);
        }

        if (after is null)
        {
            return new SchemaChange(ChangeKind.Dropped, kind, before.Name, before.Table, before.Definition, null);
        }

        // What carries the name of its table is renamed with it.
        var (formerTable, table) = (before.Table ?? "", after.Table ?? "");
        var renamed = Relations.Contains(kind) || formerTable == table || formerTable.Length == 0 ? before : before with
        {
            Name = before.Name.Replace(formerTable, table, StringComparison.Ordinal),
            Definition = before.Definition.Replace(formerTable, table, StringComparison.Ordinal),
        };
        return renamed.Definition != after.Definition ? new SchemaChange(ChangeKind.Altered, kind, after.Name, before.Table, before.Definition, after.Definition)
            : renamed.Name != after.Name ? new SchemaChange(ChangeKind.Renamed, kind, after.Name, before.Table, before.Name, after.Name)
            : null;
    }

    private static bool IsOfNewOrLostColumn(TracedChange change, List<TracedChange> all) =>
        (change.Before is null || change.After is null)
        && all.Exists(column => column.Kind == Column && column.Id == change.Id && (column.Before is null) == (change.Before is null) && (column.After is null) == (change.After is null));

    private static string DefinitionOfNew(TracedObject column, List<TracedChange> all)
    {
        TracedObject? Of(string kind) => all.Find(change => change.Kind == kind && change.Before is null && change.After!.Name == column.Name)?.After;
        return $"{column.Definition}{(Of("default") is { } fallback ? $" default {fallback.Definition}" : "")}{(Of("not null") is null ? "" : " not null")}";
    }

    /// <summary>
    /// The server counts a session's rows until it collects them, which may be some transactions later. Each alteration writes one row into
    /// <c>systems</c>, so when that table has one more than at the last one, the counts of the last one are still among these.
    /// </summary>
    private static IReadOnlyList<TracedRows> RowsOf(TracedAlteration traced, TracedAlteration? previous)
    {
        var earlier = previous is not null && previous.Pid == traced.Pid && WrittenStates(traced) > 1 && WrittenStates(traced) == WrittenStates(previous) + 1 ? previous.Rows : [];
        return
        [
            .. from rows in traced.Rows
               let before = earlier.FirstOrDefault(other => other.Table == rows.Table) ?? new TracedRows(rows.Table, 0, 0, 0)
               let own = new TracedRows(rows.Table, rows.Inserted - before.Inserted, rows.Updated - before.Updated, rows.Deleted - before.Deleted)
               let others = rows.Table != LogtoNames.Systems ? own : own.Updated > 0 ? own with { Updated = own.Updated - 1 } : own with { Inserted = own.Inserted - 1 }
               where others.Inserted > 0 || others.Updated > 0 || others.Deleted > 0
               orderby others.Table
               select others,
        ];
    }

    private static long WrittenStates(TracedAlteration traced) => traced.Rows.FirstOrDefault(rows => rows.Table == LogtoNames.Systems) is { } systems ? systems.Inserted + systems.Updated : 0;
}
