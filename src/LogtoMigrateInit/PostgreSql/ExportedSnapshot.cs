using System.Runtime.CompilerServices;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The number and a checksum of a table's rows.</summary>
/// <param name="Table">The qualified name, quoted if necessary.</param>
/// <param name="Rows">
/// The number of rows. Null: the table was truncated or rewritten after the snapshot, which then no longer sees the rows.
/// </param>
/// <param name="Sum">The sum of the rows' hashes, which does not depend on their order; null when only the number was read.</param>
internal sealed record TableContents(string Table, long? Rows, string? Sum);

/// <summary>The rows and columns of one table that are compared with another database.</summary>
/// <param name="Table">The qualified name.</param>
/// <param name="Keys">The columns that identify a row; never empty.</param>
/// <param name="Columns">The columns to compare; never empty.</param>
/// <param name="WithoutState">Whether to leave out the row of <c>systems</c> with the state.</param>
internal sealed record RowsToHash(string Table, IReadOnlyList<string> Keys, IReadOnlyList<string> Columns, bool WithoutState)
{
    internal string From => WithoutState ? $"{Table} t where t.key <> 'alterationState'" : $"{Table} t";

    internal string Key => Hash(Keys);

    internal string Contents => Hash(Columns);

    private static string Hash(IReadOnlyList<string> columns)
    {
        var row = string.Join(", ", columns.Select(column => $"t.{column}"));
        return $"hashtextextended(row({row})::text, 0)";
    }
}

/// <summary>
/// A transaction whose snapshot <c>pg_dump</c> uses too, so that the counts match the dump. A concurrent index build waits for this
/// transaction, so close it before a deploy.
/// </summary>
internal sealed class ExportedSnapshot : IAsyncDisposable
{
    // With these settings a row has the same text in every database, independent of the settings of the role, the database and the server.
    private static readonly string[] Settings =
    [
        "set local TimeZone = 'UTC'", "set local DateStyle = 'ISO, YMD'", "set local IntervalStyle = 'postgres'",
        "set local bytea_output = 'hex'", "set local extra_float_digits = 1", "set local quote_all_identifiers = off",
        "set local lc_monetary = 'C'", "set local max_parallel_workers_per_gather = 0",
    ];

    // Returns the tables of a dump. Tables of extensions are not in a dump. Partitions are included; their parents contain no rows.
    private const string Tables = """
        select format('%I.%I', n.nspname, c.relname)
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r'
          and c.relpersistence <> 't'
          and n.nspname !~ '^pg_'
          and n.nspname <> 'information_schema'
          and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
        order by 1
        """;

    private readonly NpgsqlConnection _connection;

    private ExportedSnapshot(NpgsqlConnection connection, string id, DateTime takenAt) =>
        (_connection, Id, TakenAt) = (connection, id, takenAt);

    /// <summary>The id of the snapshot, for <c>pg_dump --snapshot</c>. It is valid until disposal.</summary>
    public string Id { get; }

    /// <summary>The time of the snapshot by the server's clock, in UTC.</summary>
    public DateTime TakenAt { get; }

    /// <exception cref="DatabaseException">The connection failed.</exception>
    public static async Task<ExportedSnapshot> TakeAsync(LogtoDatabase database, CancellationToken cancellationToken)
    {
        var connection = await database.OpenForWorkAsync("pg_catalog", cancellationToken);
        try
        {
            await using var batch = new NpgsqlBatch(connection)
            {
                BatchCommands = { new("begin isolation level repeatable read, read only") },
            };
            foreach (var setting in Settings)
            {
                batch.BatchCommands.Add(new(setting));
            }

            batch.BatchCommands.Add(new("select pg_export_snapshot(), now()"));
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            return new ExportedSnapshot(connection, reader.GetString(0), reader.GetDateTime(1));
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Counts the rows of all tables in a dump.</summary>
    /// <param name="withSums">Whether to add checksums, which costs about as much as a dump.</param>
    public async Task<IReadOnlyList<TableContents>> CountAsync(bool withSums, CancellationToken cancellationToken)
    {
        var contents = new List<TableContents>();
        foreach (var table in await ReadTablesAsync(cancellationToken))
        {
            var sum = withSums ? "coalesce(sum(hashtextextended((t.*)::text, 0)), 0)::text" : "null::text";
            var counted = await CountAsync($"{table} t", sum, cancellationToken);
            var isRewritten = await IsRewrittenAsync(table, cancellationToken);
            contents.Add(isRewritten ? new TableContents(table, null, null) : counted with { Table = table });
        }

        return contents;
    }

    /// <summary>Reads all objects of the database.</summary>
    public Task<DatabaseCatalog> ReadCatalogAsync(CancellationToken cancellationToken) =>
        DatabaseCatalog.ReadAsync(_connection, cancellationToken);

    /// <summary>Returns the number of rows, and the checksum of their compared columns.</summary>
    public async Task<TableContents> CountAsync(RowsToHash rows, CancellationToken cancellationToken) =>
        (await CountAsync(rows.From, $"coalesce(sum({rows.Contents}), 0)::text", cancellationToken)) with { Table = rows.Table };

    /// <summary>Returns the hashes of each row's key and of its compared columns, sorted by both.</summary>
    public async IAsyncEnumerable<(long Key, long Contents)> HashAsync(
        RowsToHash rows, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var sql = $"select {rows.Key}, {rows.Contents} from only {rows.From} order by 1, 2";
        await using var command = new NpgsqlCommand(sql, _connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return (reader.GetInt64(0), reader.GetInt64(1));
        }
    }

    public async ValueTask DisposeAsync() => await LogtoDatabase.CloseAsync(_connection);

    private async Task<TableContents> CountAsync(string from, string sum, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select count(*), {sum} from only {from}", _connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var hash = await reader.ReadTextAsync(1, cancellationToken);
        return new TableContents(from, reader.GetInt64(0), hash);
    }

    /// <summary>
    /// Whether TRUNCATE or ALTER TABLE has rewritten the table since the snapshot. Neither is MVCC-safe
    /// (https://www.postgresql.org/docs/current/mvcc-caveats.html).
    /// </summary>
    private async Task<bool> IsRewrittenAsync(string table, CancellationToken cancellationToken)
    {
        // The row of the catalog is that of the snapshot. The function returns the present file.
        const string Sql = """
            select relfilenode is distinct from pg_relation_filenode(oid)
            from pg_class
            where oid = to_regclass($1)
            """;
        await using var command = new NpgsqlCommand(Sql, _connection) { Parameters = { new() { Value = table } } };
        return await command.ExecuteScalarAsync(cancellationToken) is not false;
    }

    private async Task<IReadOnlyList<string>> ReadTablesAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Tables, _connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadNamesAsync(cancellationToken);
    }
}
