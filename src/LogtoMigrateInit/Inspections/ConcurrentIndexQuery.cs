using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>An index of the database that an alteration builds concurrently.</summary>
/// <param name="Index">The index as the script describes it.</param>
/// <param name="Table">The table that it is on in the database.</param>
/// <param name="IsValid">Whether PostgreSQL finished it.</param>
/// <param name="IsBeingBuilt">Whether a session builds it at this moment.</param>
internal sealed record PresentIndex(ConcurrentIndex Index, string Table, bool IsValid, bool IsBeingBuilt)
{
    /// <summary>
    /// Every retry of its alteration would fail ("already exists"), or <c>if not exists</c> would silently keep a broken one. A valid one
    /// that the script accepts is no obstacle: the server finished it after its client had died.
    /// </summary>
    public bool IsInTheWay => !IsValid || !Index.IfNotExists;

    /// <summary>The statement that removes it.</summary>
    public string Removal => $"drop index concurrently {SqlNames.Quote(Index.Name)}";
}

/// <summary>Finds those indexes of an alteration that exist.</summary>
internal static class ConcurrentIndexQuery
{
    // Of another role's build an ordinary owner sees the process and no table, but everybody sees the locks: a build holds one on its table
    // from its beginning to its end.
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
