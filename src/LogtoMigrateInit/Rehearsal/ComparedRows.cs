using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Counts of a table's rows that differ, in the columns that both databases have.</summary>
/// <param name="Table">The name in the real database.</param>
/// <param name="Gone">The rows that the copy no longer has.</param>
/// <param name="Changed">The rows with other values.</param>
/// <param name="New">The rows that the real database does not have.</param>
internal sealed record ChangedTable(string Table, long Gone, long Changed, long New);

/// <summary>A comparison of the real database's rows with those of a copy on which alterations have run.</summary>
/// <param name="Tables">The number of tables that both have.</param>
/// <param name="Rows">The number of rows of these tables in the real database.</param>
/// <param name="Changed">The tables that differ.</param>
internal sealed record ComparedRows(int Tables, long Rows, IReadOnlyList<ChangedTable> Changed)
{
    private const string PrimaryKey = "PRIMARY KEY (";

    /// <summary>
    /// Compares every row of the tables that both databases have, in the columns that both have. It does not include dropped tables and
    /// columns, because the report lists them as losses.
    /// </summary>
    /// <param name="schema">Logto's schema.</param>
    /// <param name="objects">The objects of the real database.</param>
    /// <param name="names">The names of these objects on the copy.</param>
    /// <exception cref="DatabaseException">A server refused the connection.</exception>
    public static async Task<ComparedRows> ReadAsync(
        LogtoDatabase real,
        LogtoDatabase copy,
        string schema,
        IReadOnlyList<SchemaObject> objects,
        RealNames names,
        CancellationToken cancellationToken)
    {
        await using var before = await ExportedSnapshot.TakeAsync(real, cancellationToken);
        await using var after = await ExportedSnapshot.TakeAsync(copy, cancellationToken);
        var (tables, rows, changed) = (0, 0L, new List<ChangedTable>());
        foreach (var (table, here, copied) in Pair(schema, objects, names))
        {
            var (was, @is) = (await before.CountAsync(here, cancellationToken), await after.CountAsync(copied, cancellationToken));
            tables++;
            rows += was.Rows ?? 0;
            if ((was.Rows, was.Sum) != (@is.Rows, @is.Sum))
            {
                var (old, now) = (before.HashAsync(here, cancellationToken), after.HashAsync(copied, cancellationToken));
                changed.Add(await CompareAsync(table, old, now));
            }
        }

        return new ComparedRows(tables, rows, changed);
    }

    /// <summary>Returns each table with the rows to compare, in the real database and on the copy.</summary>
    public static IEnumerable<(string Table, RowsToHash Here, RowsToHash There)> Pair(
        string schema, IReadOnlyList<SchemaObject> objects, RealNames names)
    {
        // The roles always differ, because a copy has its own. The state always differs too, because every alteration changes it.
        var columns = names.Kept("column")
            .Where(column => column.Real != "tenants.db_user")
            .OrderBy(column => column.Real, StringComparer.Ordinal)
            .ToLookup(column => SqlNames.Part(column.Real).Table);
        var keys = objects
            .Where(each => each.Kind == "constraint" && each.Definition.StartsWith(PrimaryKey, StringComparison.Ordinal))
            .ToDictionary(each => each.Table!, each => each.Definition[PrimaryKey.Length..each.Definition.LastIndexOf(')')].Split(", "));
        foreach (var (name, table) in names.Kept("table").OrderBy(table => table.Real, StringComparer.Ordinal))
        {
            var both = columns[table]
                .Select(column => (Here: SqlNames.Part(column.Real).Column, There: SqlNames.Part(column.Name).Column))
                .ToArray();
            if (both.Length > 0)
            {
                var key = keys.GetValueOrDefault(table) is { } primary && primary.All(column => both.Any(each => each.Here == column))
                    ? both.Where(each => primary.Contains(each.Here)).ToArray()
                    : both;
                var withoutState = table == LogtoNames.Systems;
                var (keyHere, keyThere) = (key.Select(each => each.Here), key.Select(each => each.There));
                var (bothHere, bothThere) = (both.Select(each => each.Here), both.Select(each => each.There));
                yield return (
                    table,
                    new RowsToHash(SqlNames.Qualify(table, schema), [.. keyHere], [.. bothHere], withoutState),
                    new RowsToHash(SqlNames.Qualify(name, schema), [.. keyThere], [.. bothThere], withoutState));
            }
        }
    }

    /// <summary>Counts the differences of two row sequences that are sorted by their keys.</summary>
    private static async Task<ChangedTable> CompareAsync(
        string table, IAsyncEnumerable<(long Key, long Contents)> before, IAsyncEnumerable<(long Key, long Contents)> after)
    {
        await using var old = before.GetAsyncEnumerator();
        await using var now = after.GetAsyncEnumerator();
        var (gone, changed, added) = (0L, 0L, 0L);
        var (isOld, isNow) = (await old.MoveNextAsync(), await now.MoveNextAsync());
        while (isOld || isNow)
        {
            var order = !isOld ? 1 : !isNow ? -1 : old.Current.Key.CompareTo(now.Current.Key);
            gone += order < 0 ? 1 : 0;
            added += order > 0 ? 1 : 0;
            changed += order == 0 && old.Current.Contents != now.Current.Contents ? 1 : 0;
            isOld = order <= 0 ? await old.MoveNextAsync() : isOld;
            isNow = order >= 0 ? await now.MoveNextAsync() : isNow;
        }

        return new ChangedTable(table, gone, changed, added);
    }
}
