using System.Globalization;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>
/// Reads an <see cref="Inspection"/> in one round trip. Names are resolved through the role's search_path, exactly as Logto does;
/// types that need a lookup of the server's catalogue (arrays, regclass, "char") are cast away.
/// </summary>
internal static class InspectionQuery
{
    private const string Kind = """
        case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table' when 'v' then 'view'
          when 'm' then 'materialized view' when 'S' then 'sequence' when 'c' then 'type' when 'i' then 'index' else 'relation' end
        """;

    // set_config is for the last query: without it, who does not own the table "tenants" would see it empty instead of being refused.
    // It lasts as long as the batch, which is one transaction.
    private static readonly string Facts = $"""
        select current_database()::text, current_user::text, current_schema()::text,
          current_setting('server_version_num')::int, pg_is_in_recovery(),
          current_setting('transaction_read_only') = 'on', pg_backend_pid(),
          (select string_agg(names.name || ':' || {Kind} || ':' || c.relnamespace, ',')
            from (values {string.Join(", ", LogtoNames.Tables.Append(LogtoNames.Systems).Append(LogtoNames.LegacyConfigs).Select(name => $"('{name}')"))}) as names (name)
              join pg_catalog.pg_class c on c.oid = to_regclass(names.name)),
          exists (select from pg_catalog.pg_index i
            join pg_catalog.pg_attribute k on k.attrelid = i.indrelid and k.attnum = i.indkey[0] and k.attname = 'key'
            join pg_catalog.pg_attribute v on v.attrelid = i.indrelid and v.attname = 'value'
            where i.indrelid = to_regclass('systems') and i.indisprimary and i.indnkeyatts = 1),
          case when to_regclass('systems') is null then ({Objects}) end,
          set_config('row_security', 'off', true)
        """;

    private const string Objects = $"""
        select count(*) || ':' || coalesce(string_agg(object, ', ' order by object) filter (where number <= 5), '') from (
          select object, row_number() over (order by object) as number from (
            select {Kind} || ' ' || c.relname as object from pg_catalog.pg_class c
              where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = current_schema())
                and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
                and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
            union all
            select 'type ' || t.typname from pg_catalog.pg_type t
              where t.typnamespace = (select oid from pg_catalog.pg_namespace where nspname = current_schema())
                and t.typtype in ('d', 'e', 'r')
                and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
          ) as objects) as numbered
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

    // The last two fail when their table does not exist; by then the other results have arrived. A view is not run: somebody else's
    // may do anything.
    private const string State = """
        select coalesce(value::text, 'null') from systems where key::text = 'alterationState'
          and (select relkind in ('r', 'p') from pg_catalog.pg_class where oid = to_regclass('systems'))
          limit 2
        """;

    // A name that is too long is cut by the server, when the role is made and when it logs in.
    private const string Roles = """
        with parents as materialized (
          select oid from pg_catalog.pg_roles
            where rolname in (('logto_tenant_' || current_database())::name, ('logto_tenant_' || replace(current_database(), '-', '_'))::name)),
        roles as materialized (
          select t.db_user::text as name, case
              when r.oid is null then 'is missing'
              when not r.rolcanlogin or r.rolconnlimit = 0 then 'may not log in'
              when r.rolvaliduntil <= now() then 'has a password that is no longer valid'
              when not has_database_privilege(r.oid, current_database(), 'CONNECT') then 'may not connect to this database'
              when not has_schema_privilege(r.oid, (select relnamespace from pg_catalog.pg_class where oid = to_regclass('applications')), 'USAGE') then 'may not use the schema'
              when not has_table_privilege(r.oid, 'applications', 'SELECT') or not has_column_privilege(r.oid, 'tenants', 'db_user', 'SELECT')
                then 'may not read Logto''s tables'
              when exists (select from parents) and not exists (select from parents p where pg_has_role(r.oid, p.oid, 'USAGE'))
                then 'is no member of this database''s role logto_tenant_…, to which new tables are granted'
            end as problem
            from tenants t left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
            where t.db_user is not null)
        select count(*) over (), count(problem) over (), name, problem from roles order by problem is null, name limit 5
        """;

    public static async Task<Inspection> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Facts), new(TablesWithoutRowSecurity), new(InvalidIndexes), new(State), new(Roles) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);

        await reader.ReadAsync(cancellationToken);
        var (objectCount, objects) = ParseObjects(await ReadTextAsync(reader, 9, cancellationToken));
        var inspection = new Inspection
        {
            Database = reader.GetString(0),
            User = reader.GetString(1),
            Schema = await ReadTextAsync(reader, 2, cancellationToken),
            ServerVersion = reader.GetInt32(3),
            InRecovery = reader.GetBoolean(4),
            ReadOnly = reader.GetBoolean(5),
            BehindPooler = reader.GetInt32(6) != connection.ProcessID,
            Relations = ParseRelations(await ReadTextAsync(reader, 7, cancellationToken)),
            SystemsHasKey = reader.GetBoolean(8),
            ObjectCount = objectCount,
            Objects = objects,
            TablesWithoutRowSecurity = [],
            InvalidIndexes = [],
            States = [],
            TenantRoles = null,
            TenantsRefusal = null,
        };

        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { TablesWithoutRowSecurity = await ReadNamesAsync(reader, cancellationToken) };
        await reader.NextResultAsync(cancellationToken);
        inspection = inspection with { InvalidIndexes = await ReadNamesAsync(reader, cancellationToken) };

        try
        {
            await reader.NextResultAsync(cancellationToken);
            inspection = inspection with { States = await ReadNamesAsync(reader, cancellationToken) };
        }
        catch (PostgresException other) when (IsAboutAnotherTable(other))
        {
            return inspection;
        }

        try
        {
            await reader.NextResultAsync(cancellationToken);
            return inspection with { TenantRoles = await ReadRolesAsync(reader, cancellationToken) };
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

    /// <summary>The table is missing, or what has its name has not its form: no such column, an index, another type.</summary>
    private static bool IsAboutAnotherTable(PostgresException answer) => answer.SqlState
        is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.WrongObjectType
        or PostgresErrorCodes.CannotCoerce or PostgresErrorCodes.UndefinedFunction;

    private static async Task<TenantRoles> ReadRolesAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var (count, unusableCount) = (0L, 0L);
        var unusable = new List<UnusableRole>();
        while (await reader.ReadAsync(cancellationToken))
        {
            (count, unusableCount) = (reader.GetInt64(0), reader.GetInt64(1));
            if (await ReadTextAsync(reader, 3, cancellationToken) is { } problem)
            {
                unusable.Add(new UnusableRole(reader.GetString(2), problem));
            }
        }

        return new TenantRoles(count, unusableCount, unusable);
    }

    private static async Task<string?> ReadTextAsync(NpgsqlDataReader reader, int column, CancellationToken cancellationToken) =>
        await reader.IsDBNullAsync(column, cancellationToken) ? null : reader.GetString(column);

    private static Relation[] ParseRelations(string? text) =>
        text is null ? [] : [.. text.Split(',').Select(part => part.Split(':')).Select(part => new Relation(part[0], part[1], uint.Parse(part[2], CultureInfo.InvariantCulture)))];

    private static (long Count, string Objects) ParseObjects(string? text) =>
        text?.IndexOf(':', StringComparison.Ordinal) is { } colon ? (long.Parse(text[..colon], CultureInfo.InvariantCulture), text[(colon + 1)..]) : (0, "");
}
