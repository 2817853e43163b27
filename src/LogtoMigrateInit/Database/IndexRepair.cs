using LogtoMigrateInit.Alterations;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>An index that is there although the alteration that builds it is pending.</summary>
/// <param name="Index">What the script says.</param>
/// <param name="Table">The table that it is on in the database.</param>
/// <param name="IsValid">Whether PostgreSQL finished it.</param>
/// <param name="IsBeingBuilt">Whether a session builds it at this moment.</param>
internal sealed record LeftOverIndex(ConcurrentIndex Index, string Table, bool IsValid, bool IsBeingBuilt)
{
    /// <summary>
    /// Every retry would fail ("already exists"), or <c>if not exists</c> would silently keep a broken one. A valid one that the
    /// script accepts is left: the server finished it after its client had died.
    /// </summary>
    public bool IsInTheWay => !IsValid || !Index.IfNotExists;

    /// <summary>The statement that removes it.</summary>
    public string Removal => $"drop index concurrently {LogtoDatabase.Quote(Index.Name)}";
}

/// <summary>
/// Finds and removes what an interrupted concurrent index build left behind. It can only belong to the first pending alteration:
/// all earlier ones committed with their timestamp.
/// </summary>
internal static class IndexRepair
{
    private const string Find = """
        select t.relname::text, i.indisvalid,
            exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid or (p.index_relid = 0 and p.relid = i.indrelid))
          from pg_catalog.pg_index i
          join pg_catalog.pg_class c on c.oid = i.indexrelid
          join pg_catalog.pg_class t on t.oid = i.indrelid
          where i.indexrelid = to_regclass($1)
        """;

    public static async Task<IReadOnlyList<LeftOverIndex>> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<ConcurrentIndex> indexes, CancellationToken cancellationToken)
    {
        var found = new List<LeftOverIndex>();
        foreach (var index in indexes)
        {
            await using var command = new NpgsqlCommand(Find, connection) { Parameters = { new() { Value = LogtoDatabase.Quote(index.Name) } } };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (await reader.ReadAsync(cancellationToken))
            {
                found.Add(new LeftOverIndex(index, reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2)));
            }
        }

        return found;
    }

    /// <summary>Drops one; the table stays open for reading and writing meanwhile.</summary>
    public static async Task DropAsync(NpgsqlConnection connection, LeftOverIndex leftOver, bool behindPooler, CancellationToken cancellationToken)
    {
        if (!behindPooler)
        {
            // The role's own limits must not decide; through a pooler a setting would stay behind on a connection that others use.
            await using var limits = new NpgsqlCommand(
                "select set_config(name, '0', false) from pg_catalog.pg_settings where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout')", connection);
            await limits.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var command = new NpgsqlCommand(leftOver.Removal, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
