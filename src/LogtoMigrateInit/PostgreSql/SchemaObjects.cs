using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>One part of a schema, such as a table, a column or a grant.</summary>
/// <param name="Kind">The kind as text, such as <c>table</c> or <c>index of a constraint</c> (<see cref="SchemaObjects.Query"/>).</param>
/// <param name="Table">The table, function or type to which it belongs, as a name in SQL; null when it is independent.</param>
/// <param name="Name">The name in SQL, relative to Logto's schema. An object without a unique name has its table's name too.</param>
/// <param name="Definition">The definition as PostgreSQL prints it. Two objects of a name are equal if it is equal.</param>
/// <param name="Sql">The one statement that creates or repairs the object; null when one statement is not enough.</param>
internal sealed record SchemaObject(string Kind, string? Table, string Name, string Definition, string? Sql);

/// <summary>
/// Reads the objects of a database's schemas from its catalog, without those of extensions and of the trace. Names and definitions do not
/// contain the name of Logto's schema.
/// </summary>
internal static class SchemaObjects
{
    /// <summary>The schema of the trace. It does not disturb Logto's checks, which read only Logto's schema.</summary>
    public const string TraceSchema = "logto_migrate_init_trace";

    /// <summary>Fixed values of the settings that change how PostgreSQL prints definitions.</summary>
    private static readonly string[] Settings =
    [
        "quote_all_identifiers = off",
        "TimeZone = 'UTC'",
        "DateStyle = 'ISO, YMD'",
        "IntervalStyle = 'postgres'",
        "bytea_output = 'hex'",
        "extra_float_digits = 1",
    ];

    /// <summary>
    /// The suffix of a constraint's definition when its triggers are disabled, for example by <c>disable trigger all</c>.
    /// </summary>
    public const string WithoutTriggers = " (its triggers are disabled)";

    /// <summary>
    /// Returns a query with the columns kind, id, of_table, name, definition, file and sql. <c>id</c> stays the same while the object
    /// exists. <c>file</c> changes when PostgreSQL rewrites the object.
    /// </summary>
    /// <param name="schema">Logto's schema. The session's search_path must be <see cref="SearchPath"/>.</param>
    /// <param name="withSql">Whether to fill the column <c>sql</c>; otherwise it is null.</param>
    public static string Query(string schema, bool withSql) =>
        SchemaObjectsSql.Template
            .Replace("$sql", withSql ? "true" : "false", StringComparison.Ordinal)
            .Replace("$home", SqlNames.Literal(schema), StringComparison.Ordinal)
            .Replace("$trace", SqlNames.Literal(TraceSchema), StringComparison.Ordinal)
            .Replace("$disabled", WithoutTriggers, StringComparison.Ordinal);

    /// <summary>
    /// Returns the search_path for <see cref="Query"/>. It contains Logto's schema, so that PostgreSQL prints names without that schema.
    /// </summary>
    public static string SearchPath(string schema) => $"pg_catalog, {SqlNames.Quote(schema)}, pg_temp";

    /// <summary>Returns the session's <c>search_path</c> as a value that can be set again.</summary>
    private static async Task<string> ReadSearchPathAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select current_setting('search_path')", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Reads the sizes of the tables, all objects, and the <c>search_path</c>. It waits while another session has locked a table.
    /// </summary>
    public static async Task<(IReadOnlyList<TableSize> Tables, IReadOnlyList<SchemaObject> Objects, string SearchPath)> ReadWithSizesAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken) => (
        await TableSizes.ReadAsync(connection, schema, cancellationToken),
        await ReadAsync(connection, schema, cancellationToken),
        await ReadSearchPathAsync(connection, cancellationToken));

    /// <summary>Reads all objects, with the SQL that creates them.</summary>
    /// <param name="connection">A connection outside a transaction.</param>
    /// <param name="schema">Logto's schema.</param>
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
