using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>
/// Reads an <see cref="Inspection"/> in one round trip. Names are resolved through the role's search_path, exactly as Logto does;
/// types that need a lookup of the server's catalogue (arrays, regclass, "char") are cast away.
/// </summary>
internal static class InspectionQuery
{
    private const string Facts = """
        select current_database()::text, current_user::text, current_schema()::text,
          current_setting('server_version_num')::int, pg_is_in_recovery(),
          current_setting('transaction_read_only') = 'on', pg_backend_pid(),
          to_regclass('systems') is not null, to_regclass('_logto_configs') is not null,
          to_regclass('users') is not null, to_regclass('applications') is not null, to_regclass('logto_configs') is not null,
          (select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = current_schema() and c.relkind in ('r', 'p'))
        """;

    private const string TablesWithoutRowSecurity = """
        select c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relrowsecurity
            and c.relname not in ('systems', 'service_logs')
          order by 1
        """;

    private const string InvalidIndexes = """
        select c.relname::text from pg_catalog.pg_index i
          join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where not i.indisvalid and n.nspname = current_schema() order by 1
        """;

    // Last, because it fails when its table does not exist; by then the other results have arrived.
    private const string State = "select value::text from systems where key = 'alterationState'";

    public static async Task<Inspection> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Facts), new(TablesWithoutRowSecurity), new(InvalidIndexes), new(State) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);

        await reader.ReadAsync(cancellationToken);
        var inspection = new Inspection
        {
            Database = reader.GetString(0),
            User = reader.GetString(1),
            Schema = await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2),
            ServerVersion = reader.GetInt32(3),
            InRecovery = reader.GetBoolean(4),
            ReadOnly = reader.GetBoolean(5),
            BehindPooler = reader.GetInt32(6) != connection.ProcessID,
            HasSystems = reader.GetBoolean(7),
            HasLegacyConfigs = reader.GetBoolean(8),
            HasUsers = reader.GetBoolean(9),
            HasApplications = reader.GetBoolean(10),
            HasLogtoConfigs = reader.GetBoolean(11),
            TableCount = reader.GetInt64(12),
            TablesWithoutRowSecurity = [],
            InvalidIndexes = [],
            StateJson = null,
        };

        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { TablesWithoutRowSecurity = await ReadNamesAsync(reader, cancellationToken) };
        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { InvalidIndexes = await ReadNamesAsync(reader, cancellationToken) };

        try
        {
            await reader.NextResultAsync(cancellationToken);
            return await reader.ReadAsync(cancellationToken) && !await reader.IsDBNullAsync(0, cancellationToken)
                ? inspection with { StateJson = reader.GetString(0) }
                : inspection;
        }
        catch (PostgresException missing) when (missing.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            return inspection;
        }
    }

    /// <summary>Reads a result of one text column.</summary>
    internal static async Task<IReadOnlyList<string>> ReadNamesAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }
}
