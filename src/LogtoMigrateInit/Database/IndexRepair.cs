using System.Globalization;
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
    // Of another role's build an ordinary owner sees the process and no table, but everybody sees the locks: a build holds one on its table
    // from its beginning to its end.
    private const string Find = """
        select t.relname::text, i.indisvalid,
            exists (select from pg_catalog.pg_stat_progress_create_index p join pg_catalog.pg_locks l using (pid)
              where l.locktype = 'relation' and l.relation = i.indrelid and l.granted
                and l.database = (select oid from pg_catalog.pg_database where datname = current_database()))
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

    /// <summary>Prepares a session of ours for a drop; not through a pooler, where settings stay behind on a connection that others use.</summary>
    /// <param name="connection">The session.</param>
    /// <param name="name">What to call it, so that a later run waits for it when this one is killed.</param>
    /// <param name="lockTimeout">Zero: no limit.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public static async Task PrepareSessionAsync(NpgsqlConnection connection, string name, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        await using var settings = new NpgsqlCommand(
            """
            select set_config('application_name', $1, false), set_config('lock_timeout', $2, false), set_config('client_connection_check_interval', '2s', false),
              (select count(set_config(name, '0', false)) from pg_catalog.pg_settings where name in ('statement_timeout', 'transaction_timeout'))
            """,
            connection)
        {
            Parameters = { new() { Value = name }, new() { Value = lockTimeout.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) } },
        };
        await settings.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Drops one; the table stays open for reading and writing meanwhile, and what is gone already is as good.</summary>
    /// <exception cref="PostgresException">The server refused.</exception>
    public static async Task DropAsync(NpgsqlConnection connection, LeftOverIndex leftOver, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(leftOver.Removal, connection) { CommandTimeout = 0 };
        try
        {
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException gone) when (gone.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            // A drop of an earlier, killed run was still at work and has finished.
        }
    }
}
