using System.Globalization;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// Reads an <see cref="Inspection"/> in one round trip, or in two if no relation is called <c>systems</c>. Names are resolved through the
/// role's search_path, as in Logto. Types for which Npgsql must read the server's catalog (arrays, regclass, "char") are cast to others.
/// </summary>
internal static class InspectionQuery
{
    private const string Kind = """
        case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table' when 'v' then 'view'
          when 'm' then 'materialized view' when 'S' then 'sequence' when 'c' then 'type' when 'i' then 'index' else 'relation' end
        """;

    // Without this setting, a user that does not own the table "tenants" sees no rows instead of an error. The setting lasts for the batch,
    // which is one transaction.
    private const string SeeAllRows = "set_config('row_security', 'off', true)";

    private static readonly string Recognized = string.Join(
        ", ", LogtoNames.Tables.Append(LogtoNames.Systems).Append(LogtoNames.LegacyConfigs).Select(name => $"to_regclass('{name}')"));

    private static readonly string Facts = $"""
        select current_database()::text, current_user::text, current_schema()::text,
          current_setting('server_version_num')::int, pg_is_in_recovery(),
          current_setting('transaction_read_only') = 'on', pg_backend_pid(),
          (select string_agg(c.relname || ':' || {Kind} || ':' || c.relnamespace, ',') from pg_catalog.pg_class c
            where c.oid in ({Recognized})),
          {SeeAllRows}
        """;

    private const string TablesWithoutRowSecurity = """
        select c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relrowsecurity
            and c.relname not in ('systems', 'service_logs')
          order by 1
        """;

    // Returns the names of invalid indexes. A row without a name means that the primary key of "systems" is its column "key" alone.
    private const string Indexes = """
        select case when not i.indisvalid then c.relname::text end from pg_catalog.pg_index i
          join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where not i.indisvalid and n.nspname = current_schema()
            or i.indisprimary and i.indrelid = to_regclass('systems') and i.indnkeyatts = 1
              and pg_get_indexdef(i.indexrelid, 1, true) in ('key', '"key"')
          order by 1
        """;

    // This statement and those of StartQuery fail when their table does not exist. The results before them have arrived by then. A view
    // called "systems" is not queried, because another role's view may do anything.
    private const string State = """
        select coalesce(value::text, 'null') from systems where key::text = 'alterationState'
          and (select relkind in ('r', 'p') from pg_catalog.pg_class where oid = to_regclass('systems'))
          limit 2
        """;

    // Runs only if no relation is called "systems". Reason: planning this statement takes longer than all statements above.
    private const string Objects = $"""
        select count(*), coalesce(string_agg(object, ', ' order by object) filter (where number <= 5), '') from (
          select object, row_number() over (order by object) as number from (
            select {Kind} || ' ' || c.relname as object from pg_catalog.pg_class c
              where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = current_schema())
                and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
                and not exists (
                  select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
            union all
            select 'type ' || t.typname from pg_catalog.pg_type t
              where t.typnamespace = (select oid from pg_catalog.pg_namespace where nspname = current_schema())
                and t.typtype in ('d', 'e', 'r')
                and not exists (
                  select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
          ) as objects) as numbered
        """;

    /// <summary>
    /// Returns the statements of the round trip. <c>bench/</c> runs the same with psql. Statements that read Logto's tables come last,
    /// because they may fail.
    /// </summary>
    /// <param name="tables">The names of Logto's tables (<see cref="LogtoRequirements.Tables"/>).</param>
    internal static IReadOnlyList<string> Statements(IReadOnlyList<string> tables) =>
    [
        Facts, TablesWithoutRowSecurity, Indexes, StartQuery.ProtectionOf(tables), State, .. StartQuery.Statements(tables),
    ];

    /// <param name="connection">A connection outside a transaction.</param>
    /// <param name="tables">The names of Logto's tables; empty when the facts about them are not needed.</param>
    public static async Task<Inspection> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        var inspection = await ReadBatchAsync(connection, tables, cancellationToken);
        return inspection.Relations.All(relation => relation.Name != LogtoNames.Systems)
            ? await ReadObjectsAsync(inspection, connection, cancellationToken)
            : inspection;
    }

    // Over 40 lines: the results come in the order of the statements.
    private static async Task<Inspection> ReadBatchAsync(
        NpgsqlConnection connection, IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var statement in Statements(tables))
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(statement));
        }

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);

        await reader.ReadAsync(cancellationToken);
        var inspection = new Inspection
        {
            Database = reader.GetString(0),
            User = reader.GetString(1),
            Schema = await reader.ReadTextAsync(2, cancellationToken),
            ServerVersion = reader.GetInt32(3),
            InRecovery = reader.GetBoolean(4),
            ReadOnly = reader.GetBoolean(5),
            BehindPooler = reader.GetInt32(6) != connection.ProcessID,
            Relations = ParseRelations(await reader.ReadTextAsync(7, cancellationToken)),
            SystemsHasKey = false,
            ObjectCount = 0,
            Objects = "",
            TablesWithoutRowSecurity = [],
            InvalidIndexes = [],
            States = [],
            Start = null,
            UnprotectedTables = [],
            TenantsRefusal = null,
        };

        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { TablesWithoutRowSecurity = await reader.ReadNamesAsync(cancellationToken) };
        await reader.NextResultAsync(cancellationToken);
        inspection = await ReadIndexesAsync(inspection, reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { UnprotectedTables = await StartQuery.ReadProtectionAsync(reader, cancellationToken) };

        try
        {
            await reader.NextResultAsync(cancellationToken);
            inspection = inspection with { States = await reader.ReadNamesAsync(cancellationToken) };
        }
        catch (PostgresException other) when (IsAboutAnotherTable(other))
        {
            return inspection;
        }

        try
        {
            return inspection with { Start = await StartQuery.ReadAsync(reader, cancellationToken) };
        }
        catch (PostgresException other) when (IsAboutAnotherTable(other))
        {
            return inspection;
        }
        catch (PostgresException refusal) when (refusal.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return inspection with { TenantsRefusal = refusal.MessageText };
        }
    }

    private static async Task<Inspection> ReadObjectsAsync(
        Inspection inspection, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Objects, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return inspection with { ObjectCount = reader.GetInt64(0), Objects = reader.GetString(1) };
    }

    /// <summary>
    /// Whether the table is missing, or a relation of its name has another form: a missing column, another type, an index.
    /// </summary>
    private static bool IsAboutAnotherTable(PostgresException answer) => answer.SqlState
        is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.WrongObjectType
        or PostgresErrorCodes.CannotCoerce or PostgresErrorCodes.UndefinedFunction;

    private static async Task<Inspection> ReadIndexesAsync(
        Inspection inspection, NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var (names, hasKey) = (new List<string>(), false);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (await reader.ReadTextAsync(0, cancellationToken) is { } name)
            {
                names.Add(name);
            }
            else
            {
                hasKey = true;
            }
        }

        return inspection with { InvalidIndexes = names, SystemsHasKey = hasKey };
    }

    private static Relation[] ParseRelations(string? text) =>
        text is null
            ? []
            :
            [
                .. text.Split(',')
                    .Select(part => part.Split(':'))
                    .Select(part => new Relation(part[0], part[1], uint.Parse(part[2], CultureInfo.InvariantCulture))),
            ];
}
