using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>An existing index with the name of one that an alteration builds concurrently.</summary>
/// <param name="Index">The index as the script describes it.</param>
/// <param name="Table">The table of the existing index.</param>
/// <param name="IsValid">Whether PostgreSQL finished the build.</param>
/// <param name="IsBeingBuilt">Whether a session is building an index on this table.</param>
internal sealed record PresentIndex(ConcurrentIndex Index, string Table, bool IsValid, bool IsBeingBuilt)
{
    /// <summary>
    /// Whether the index stops its alteration. Without <c>if not exists</c> every retry fails ("already exists"). With it, the script would
    /// silently keep an invalid index. A valid index that the script accepts is no obstacle: the server finished it after its client died.
    /// </summary>
    public bool IsInTheWay => !IsValid || !Index.IfNotExists;

    /// <summary>The statement that removes the index.</summary>
    public string Removal => $"drop index concurrently {SqlNames.Quote(Index.Name)}";
}

/// <summary>Finds the indexes of an alteration that exist in the database.</summary>
internal static class ConcurrentIndexQuery
{
    // pg_stat_progress_create_index shows an ordinary owner the process of another role's build, but not its table. The locks are visible
    // to all, and a build holds a lock on its table from beginning to end.
    private const string Find = """
        select t.relname::text, i.indisvalid,
            exists (
              select from pg_catalog.pg_stat_progress_create_index p
              join pg_catalog.pg_locks l using (pid)
              where l.locktype = 'relation' and l.relation = i.indrelid and l.granted
                and l.database = (select oid from pg_catalog.pg_database where datname = current_database()))
          from pg_catalog.pg_index i
          join pg_catalog.pg_class c on c.oid = i.indexrelid
          join pg_catalog.pg_class t on t.oid = i.indrelid
          where i.indexrelid = to_regclass($1)
        """;

    public static async Task<IReadOnlyList<PresentIndex>> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<ConcurrentIndex> indexes, CancellationToken cancellationToken)
    {
        var found = new List<PresentIndex>();
        foreach (var index in indexes)
        {
            await using var command = new NpgsqlCommand(Find, connection) { Parameters = { new() { Value = SqlNames.Quote(index.Name) } } };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (await reader.ReadAsync(cancellationToken))
            {
                found.Add(new PresentIndex(index, reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2)));
            }
        }

        return found;
    }
}
