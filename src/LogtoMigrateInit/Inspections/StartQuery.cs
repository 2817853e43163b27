using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>The statements of an inspection that read <see cref="StartFacts"/> and the protection of Logto's tables.</summary>
internal static class StartQuery
{
    /// <summary>
    /// The tables that tenants' roles may not read, and that no trigger fills (<c>packages/schemas/tables/_after_all.sql</c>).
    /// </summary>
    private const string ClosedTables = "'tenants', 'systems', 'service_logs'";

    // What "applications" means to a session tells which schema is Logto's.
    private const string Schema = "(select relnamespace from pg_catalog.pg_class where oid = to_regclass('applications'))";

    // A column of pg_policy's roles is {0} for PUBLIC. Other policies may stand beside these: older releases have three on "roles".
    private const string Protection = $$"""
        with policies as (
          select polrelid, bool_or(polpermissive) as permissive, bool_or(not polpermissive) as restrictive
          from pg_catalog.pg_policy
          where polcmd = '*' and polroles::text = '{0}'
          group by polrelid)
        select c.relname::text,
          case
            when not coalesce(p.permissive, false) then 'has no permissive policy for all'
            when not coalesce(p.restrictive, false) and c.relname <> 'tenants' then 'has no restrictive policy for all'
            else 'has no enabled trigger set_tenant_id'
          end
        from pg_catalog.pg_class c
        left join policies p on p.polrelid = c.oid
        where c.relnamespace = {{Schema}}
          and c.relkind = 'r'
          and c.relname = any (string_to_array($1, ',')::name[])
          and c.relname not in ('systems', 'service_logs')
          and (not coalesce(p.permissive, false)
            or (c.relname <> 'tenants'
              and (not coalesce(p.restrictive, false)
                or not exists (
                  select from pg_catalog.pg_trigger t
                  where t.tgrelid = c.oid and t.tgname = 'set_tenant_id' and t.tgenabled in ('O', 'A')))))
        order by 1
        """;

    // A name that is too long is cut by the server, when the role is created and when it logs in. Four calls of has_table_privilege,
    // because one with four privileges is true when any of them is held. A setting of the role counts before one of the database. A
    // database that is read-only for everybody is no fault: with nothing pending, that is a warning.
    private const string NeededTenants = $$"""
        with needed as materialized (
          select t.id, t.db_user, t.db_user_password is null as is_without_password, r.*
          from tenants t
          left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
          where t.id in ('default', 'admin')),
        closed as (
          select n.id, count(*) as number, min(c.relname) as first
          from needed n, pg_catalog.pg_class c
          where n.oid is not null
            and c.relnamespace = {{Schema}}
            and c.relkind = 'r'
            and c.relname = any (string_to_array($1, ',')::name[])
            and c.relname not in ({{ClosedTables}})
            and not (has_table_privilege(n.oid, c.oid, 'SELECT') and has_table_privilege(n.oid, c.oid, 'INSERT')
              and has_table_privilege(n.oid, c.oid, 'UPDATE') and has_table_privilege(n.oid, c.oid, 'DELETE'))
          group by n.id),
        settings as (
          select distinct on (n.id, name) n.id, split_part(setting, '=', 1) as name, substr(setting, strpos(setting, '=') + 1) as value
          from needed n, pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as setting
          where s.setrole in (0, n.oid)
            and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
            and (split_part(setting, '=', 1) in ('row_security', 'statement_timeout')
              or split_part(setting, '=', 1) = 'default_transaction_read_only' and s.setrole <> 0)
          order by n.id, name, s.setrole <> 0 desc, s.setdatabase <> 0 desc),
        wrong as (
          select id, min(name) as name
          from settings
          where name = 'row_security' and not value::boolean or name = 'default_transaction_read_only' and value::boolean
          group by id)
        select n.id::text, n.db_user::text,
          case
            when n.db_user is null then null
            when n.oid is null then 'is missing'
            when n.is_without_password then '{{TenantFacts.HasNoPassword}}'
            when not n.rolcanlogin or n.rolconnlimit = 0 then 'may not log in'
            when n.rolvaliduntil <= now() then 'has a password that is no longer valid'
            when n.rolsuper or n.rolbypassrls
              or pg_has_role(n.oid, (select relowner from pg_catalog.pg_class where oid = to_regclass('applications')), 'USAGE')
              then '{{TenantFacts.IsAboveRowSecurity}}'
            when not has_database_privilege(n.oid, current_database(), 'CONNECT') then 'may not connect to this database'
            when not has_schema_privilege(n.oid, {{Schema}}, 'USAGE') then 'may not use the schema of Logto''s tables'
            when c.number is not null then 'may not read and write ' || c.number || ' of Logto''s tables, such as ' || c.first
            when not has_column_privilege(n.oid, to_regclass('tenants'), 'id', 'SELECT')
              or not has_column_privilege(n.oid, to_regclass('tenants'), 'db_user', 'SELECT')
              then 'may not read its own row of the table tenants'
            when w.name is not null then 'has a setting with which Logto fails: ' || w.name
          end,
          w.name,
          coalesce(n.rolconnlimit, -1),
          (select case when s.value ~ '^[0-9]+$' then s.value::float8 else extract(epoch from s.value::interval) * 1000 end::float8
            from settings s where s.id = n.id and s.name = 'statement_timeout')
        from needed n
        left join closed c on c.id = n.id
        left join wrong w on w.id = n.id
        order by 1
        """;

    private const string OtherTenants = """
        select count(*), count(*) filter (where r.oid is null or not r.rolcanlogin or t.db_user_password is null)
        from tenants t
        left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
        where t.id not in ('default', 'admin')
        """;

    // As core counts (packages/schemas/src/utils/oidc-private-key.ts). Fails where the table has no column "tenant_id", as before
    // 1.0.0-rc.1.
    private const string Keys = """
        select c.tenant_id::text, c.key::text,
          case jsonb_typeof(c.value) when 'array' then jsonb_array_length(c.value) end,
          k.current::int, k.next::int, k.previous::int
        from logto_configs c
        cross join lateral (
          select count(*) filter (where status = 'Current') as current,
            count(*) filter (where status = 'Next') as next,
            count(*) filter (where status = 'Previous') as previous
          from (
            select coalesce(element ->> 'status', case position when 1 then 'Current' else 'Previous' end) as status
            from jsonb_array_elements(case jsonb_typeof(c.value) when 'array' then c.value else '[]' end)
              with ordinality as elements (element, position)) as statuses) as k
        where c.tenant_id in ('default', 'admin') and c.key in ('oidc.privateKeys', 'oidc.cookieKeys')
        """;

    /// <summary>The statement that finds Logto's tables without their policies or triggers; it reads no table of Logto's.</summary>
    public static string ProtectionOf(IReadOnlyList<string> tables) => WithTables(Protection, tables);

    /// <summary>
    /// The statements that fail where their tables are missing, or where we may not read them. <see cref="ReadAsync"/> reads their results.
    /// </summary>
    /// <param name="tables">Logto's tables.</param>
    public static IEnumerable<string> Statements(IReadOnlyList<string> tables) =>
        [WithTables(NeededTenants, tables), OtherTenants, Keys];

    /// <summary>Reads the results of <see cref="ProtectionOf"/>.</summary>
    public static async Task<IReadOnlyList<UnprotectedTable>> ReadProtectionAsync(
        NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var found = new List<UnprotectedTable>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new UnprotectedTable(reader.GetString(0), reader.GetString(1)));
        }

        return found;
    }

    /// <summary>Reads the results of <see cref="Statements"/>.</summary>
    /// <exception cref="PostgresException">A table is missing or closed.</exception>
    public static async Task<StartFacts> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken);
        var tenants = new List<TenantFacts>();
        while (await reader.ReadAsync(cancellationToken))
        {
            tenants.Add(new TenantFacts(
                reader.GetString(0),
                await reader.ReadTextAsync(1, cancellationToken),
                await reader.ReadTextAsync(2, cancellationToken),
                await reader.ReadTextAsync(3, cancellationToken),
                reader.GetInt32(4),
                await reader.IsDBNullAsync(5, cancellationToken) ? null : reader.GetDouble(5)));
        }

        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var facts = new StartFacts
        {
            Tenants = tenants,
            OtherTenants = reader.GetInt64(0),
            UnusableOtherTenants = reader.GetInt64(1),
            Keys = null,
        };
        try
        {
            return facts with { Keys = await ReadKeysAsync(reader, cancellationToken) };
        }
        catch (PostgresException old) when (old.SqlState == PostgresErrorCodes.UndefinedColumn)
        {
            return facts;
        }
    }

    private static async Task<IReadOnlyList<KeySet>> ReadKeysAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken);
        var keys = new List<KeySet>();
        while (await reader.ReadAsync(cancellationToken))
        {
            keys.Add(new KeySet(
                reader.GetString(0), reader.GetString(1), await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetInt32(2),
                reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5)));
        }

        return keys;
    }

    private static string WithTables(string statement, IReadOnlyList<string> tables) =>
        statement.Replace("$1", SqlNames.Literal(string.Join(',', tables)), StringComparison.Ordinal);
}
