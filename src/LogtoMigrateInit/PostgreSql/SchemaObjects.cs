using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>One thing that a schema consists of, such as a table, a column or a grant.</summary>
/// <param name="Kind">In words, such as <c>table</c> or <c>index of a constraint</c>; see <see cref="SchemaObjects.Query"/>.</param>
/// <param name="Table">What it belongs to, as SQL names it in Logto's schema; null when it stands alone.</param>
/// <param name="Name">As SQL names it in Logto's schema, with its table where it has no name of its own.</param>
/// <param name="Definition">All that distinguishes it from another one of this name, in PostgreSQL's own words.</param>
/// <param name="Sql">The one statement that creates the object or repairs it; null when one statement is not enough.</param>
internal sealed record SchemaObject(string Kind, string? Table, string Name, string Definition, string? Sql);

/// <summary>
/// Lists the objects of a database's schemas, from its catalogue, without those of extensions and of the trace. Names and definitions
/// leave out the name of Logto's schema.
/// </summary>
internal static class SchemaObjects
{
    /// <summary>The schema of the trace. Logto's own checks read only Logto's schema.</summary>
    public const string TraceSchema = "logto_migrate_init_trace";

    /// <summary>Settings of a role or a database that change how PostgreSQL prints definitions.</summary>
    private static readonly string[] Settings =
    [
        "quote_all_identifiers = off",
        "TimeZone = 'UTC'",
        "DateStyle = 'ISO, YMD'",
        "IntervalStyle = 'postgres'",
        "bytea_output = 'hex'",
        "extra_float_digits = 1",
    ];

    /// <summary>The end of a constraint's definition when its triggers are disabled, as by <c>disable trigger all</c>.</summary>
    public const string WithoutTriggers = " (its triggers are disabled)";

    /// <summary>
    /// Returns a query with the columns kind, id, of_table, name, definition, file and sql. <c>id</c> is the same as long as the object
    /// exists; <c>file</c> changes when PostgreSQL rewrites the object.
    /// </summary>
    /// <param name="schema">Logto's, which is the first of the <c>search_path</c>; see <see cref="SearchPath"/>.</param>
    /// <param name="withSql">Otherwise <c>sql</c> is null.</param>
    public static string Query(string schema, bool withSql) =>
        SchemaObjectsSql.Template
            .Replace("$sql", withSql ? "true" : "false", StringComparison.Ordinal)
            .Replace("$home", SqlNames.Literal(schema), StringComparison.Ordinal)
            .Replace("$trace", SqlNames.Literal(TraceSchema), StringComparison.Ordinal)
            .Replace("$disabled", WithoutTriggers, StringComparison.Ordinal);

    /// <summary>PostgreSQL prints a name without its schema only when the path contains the schema.</summary>
    public static string SearchPath(string schema) => $"pg_catalog, {SqlNames.Quote(schema)}, pg_temp";

    /// <summary>The <c>search_path</c> that Logto's sessions have, as a value that can be set again.</summary>
    private static async Task<string> ReadSearchPathAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select current_setting('search_path')", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Reads the sizes of the tables, all objects, and the <c>search_path</c>. Waits while another session has locked a table.
    /// </summary>
    public static async Task<(IReadOnlyList<TableSize> Tables, IReadOnlyList<SchemaObject> Objects, string SearchPath)> ReadWithSizesAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken) => (
        await TableSizes.ReadAsync(connection, schema, cancellationToken),
        await ReadAsync(connection, schema, cancellationToken),
        await ReadSearchPathAsync(connection, cancellationToken));

    /// <summary>Reads all objects, with the SQL that creates them.</summary>
    /// <param name="connection">Outside of a transaction.</param>
    /// <param name="schema">Logto's.</param>
    public static async Task<IReadOnlyList<SchemaObject>> ReadAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("begin isolation level repeatable read, read only"),
                new($"set local search_path = {SearchPath(schema)}"),
            },
        };
        foreach (var setting in Settings)
        {
            batch.BatchCommands.Add(new($"set local {setting}"));
        }

        batch.BatchCommands.Add(new(Query(schema, withSql: true)));
        batch.BatchCommands.Add(new("commit"));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var objects = new List<SchemaObject>();
        while (await reader.ReadAsync(cancellationToken))
        {
            objects.Add(new SchemaObject(
                reader.GetString(0),
                await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2),
                reader.GetString(3),
                await reader.IsDBNullAsync(4, cancellationToken) ? "" : reader.GetString(4),
                await reader.IsDBNullAsync(6, cancellationToken) ? null : reader.GetString(6)));
        }

        return objects;
    }
}
