using System.Runtime.CompilerServices;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The contents of a table.</summary>
/// <param name="Table">With its schema, quoted where SQL requires it.</param>
/// <param name="Rows">
/// The number of rows; null: the table was emptied or rewritten meanwhile, after which an older snapshot sees none of them.
/// </param>
/// <param name="Sum">The sum of the rows' hashes, which does not depend on their order; null when only rows were counted.</param>
internal sealed record TableContents(string Table, long? Rows, string? Sum);

/// <summary>Rows of one table, by which they are compared with those of another database.</summary>
/// <param name="Table">With its schema.</param>
/// <param name="Keys">The columns that tell rows apart; never empty.</param>
/// <param name="Columns">What is compared; never empty.</param>
/// <param name="WithoutState">Not the row of <c>systems</c> that says which alterations are applied.</param>
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
/// A database at one moment: a transaction whose snapshot <c>pg_dump</c> takes too, so that our counts match the dump. Building an index
/// concurrently waits for this transaction, so close it before a deploy.
/// </summary>
internal sealed class ExportedSnapshot : IAsyncDisposable
{
    // The same row has the same text wherever it is counted, whatever the role, the database or the server has set.
    private static readonly string[] Settings =
    [
        "set local TimeZone = 'UTC'", "set local DateStyle = 'ISO, YMD'", "set local IntervalStyle = 'postgres'",
        "set local bytea_output = 'hex'", "set local extra_float_digits = 1", "set local quote_all_identifiers = off",
        "set local lc_monetary = 'C'", "set local max_parallel_workers_per_gather = 0",
    ];

    // Without tables of extensions, which a dump does not have. A partition is a table; its parent holds nothing.
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

    /// <summary>For <c>pg_dump --snapshot</c>; it lives as long as this object.</summary>
    public string Id { get; }

    /// <summary>The server's clock, in UTC.</summary>
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

    /// <summary>Counts every table that a dump holds.</summary>
    /// <param name="withSums">Also the sum of the hashes of their rows, which costs about as much as to dump them.</param>
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

    /// <summary>How many rows there are, and the sum of the hashes of what these columns hold.</summary>
    public async Task<TableContents> CountAsync(RowsToHash rows, CancellationToken cancellationToken) =>
        (await CountAsync(rows.From, $"coalesce(sum({rows.Contents}), 0)::text", cancellationToken)) with { Table = rows.Table };

    /// <summary>The hashes of every row's key and of what its columns hold, ordered by both.</summary>
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
    /// Whether TRUNCATE or ALTER TABLE gave the table another file: neither is MVCC-safe
    /// (https://www.postgresql.org/docs/current/mvcc-caveats.html).
    /// </summary>
    private async Task<bool> IsRewrittenAsync(string table, CancellationToken cancellationToken)
    {
        // The catalog's row is as old as the snapshot; the function answers for now.
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
