using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The size of a table of the real database, and the tables to which it refers.</summary>
/// <param name="Name">The name in SQL, relative to Logto's schema.</param>
/// <param name="QualifiedName">The qualified name in SQL.</param>
/// <param name="Bytes">The size on the server's disk, with indexes.</param>
/// <param name="References">The qualified names of the tables to which its foreign keys refer.</param>
internal sealed record TableSize(string Name, string QualifiedName, long Bytes, IReadOnlyList<string> References);

/// <summary>Reads the sizes of tables, and counts rows.</summary>
internal static class TableSizes
{
    private const string Sizes = """
        select case when n.nspname = $1 then quote_ident(c.relname) else format('%I.%I', n.nspname, c.relname) end,
            format('%I.%I', n.nspname, c.relname),
            pg_total_relation_size(c.oid)
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p')
            and c.relpersistence <> 't'
            and n.nspname !~ '^pg_'
            and n.nspname <> 'information_schema'
          order by 3 desc, 1
        """;

    private const string References = """
        select distinct format('%I.%I', n.nspname, c.relname), format('%I.%I', rn.nspname, r.relname)
          from pg_catalog.pg_constraint k
          join pg_catalog.pg_class c on c.oid = k.conrelid
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          join pg_catalog.pg_class r on r.oid = k.confrelid
          join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
          where k.contype = 'f'
        """;

    /// <summary>Reads all tables, the largest first.</summary>
    /// <param name="connection">A connection to the real database.</param>
    /// <param name="schema">Logto's schema.</param>
    public static async Task<IReadOnlyList<TableSize>> ReadAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Sizes) { Parameters = { new() { Value = schema } } }, new(References) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var tables = new List<TableSize>();
        while (await reader.ReadAsync(cancellationToken))
        {
            tables.Add(new TableSize(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), []));
        }

        await reader.NextResultAsync(cancellationToken);
        var references = new List<(string From, string To)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            references.Add((reader.GetString(0), reader.GetString(1)));
        }

        var byTable = references.ToLookup(reference => reference.From, reference => reference.To);
        return [.. tables.Select(table => table with { References = [.. byTable[table.QualifiedName]] })];
    }

    /// <summary>Counts the rows of a table, or those with a value in a column.</summary>
    /// <param name="connection">A connection to the real database whose search_path leads to Logto's schema.</param>
    /// <param name="kind"><c>column</c>, or any other text for a whole table.</param>
    /// <param name="name">The name of the table or column (<see cref="SchemaObject.Name"/>).</param>
    /// <returns>Null when the table or column is missing, or cannot be read within half a minute.</returns>
    public static Task<long?> CountAsync(NpgsqlConnection connection, string kind, string name, CancellationToken cancellationToken)
    {
        var query = kind == "column" ? $"select count({name}) from {SqlNames.Part(name).Table}" : $"select count(*) from {name}";
        return CountAsync(connection, query, cancellationToken);
    }

    /// <summary>Counts the rows with another value in a column than its default.</summary>
    /// <param name="connection">A connection to the real database whose search_path leads to Logto's schema.</param>
    /// <param name="column">The name of the column (<see cref="SchemaObject.Name"/>).</param>
    /// <param name="fallback">The default, an expression with the same value for every row.</param>
    /// <returns>Null when the column is missing, or cannot be read within half a minute.</returns>
    public static Task<long?> CountOthersAsync(
        NpgsqlConnection connection, string column, string fallback, CancellationToken cancellationToken) => CountAsync(
        connection,
        $"select count(*) from {SqlNames.Part(column).Table} where {column}::text is distinct from ({fallback})::text",
        cancellationToken);

    private static async Task<long?> CountAsync(NpgsqlConnection connection, string query, CancellationToken cancellationToken)
    {
        try
        {
            await using var batch = new NpgsqlBatch(connection)
            {
                Timeout = 0, // statement_timeout limits the query
                BatchCommands = { new("begin read only"), new("set local statement_timeout = '30s'"), new(query), new("commit") },
            };
            return (long?)await batch.ExecuteScalarAsync(cancellationToken);
        }
        catch (PostgresException)
        {
            await using var rollback = new NpgsqlCommand("rollback", connection);
            await rollback.ExecuteNonQueryAsync(cancellationToken);
            return null;
        }
    }
}
