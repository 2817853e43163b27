using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>A table of the real database.</summary>
/// <param name="Name">As SQL names it in Logto's schema.</param>
/// <param name="QualifiedName">With its schema.</param>
/// <param name="Bytes">With its indexes, on the server's disk.</param>
/// <param name="References">The qualified names of the tables that its foreign keys refer to.</param>
internal sealed record TableSize(string Name, string QualifiedName, long Bytes, IReadOnlyList<string> References);

/// <summary>Reads how large the tables are, and counts rows.</summary>
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
    /// <param name="connection">To the real database.</param>
    /// <param name="schema">Logto's.</param>
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
    /// <param name="connection">To the real database, in Logto's schema.</param>
    /// <param name="kind"><c>column</c>, or another word for a whole table.</param>
    /// <param name="name">See <see cref="SchemaObject.Name"/>.</param>
    /// <returns>Null when the table or column is missing, or cannot be read within half a minute.</returns>
    public static Task<long?> CountAsync(NpgsqlConnection connection, string kind, string name, CancellationToken cancellationToken)
    {
        var query = kind == "column" ? $"select count({name}) from {SqlNames.Part(name).Table}" : $"select count(*) from {name}";
        return CountAsync(connection, query, cancellationToken);
    }

    /// <summary>Counts the rows that have another value in a column than its default.</summary>
    /// <param name="connection">To the real database, in Logto's schema.</param>
    /// <param name="column">See <see cref="SchemaObject.Name"/>.</param>
    /// <param name="fallback">The default, an expression that has the same value for every row.</param>
    /// <returns>Null as in <see cref="CountAsync(NpgsqlConnection, string, string, CancellationToken)"/>.</returns>
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
