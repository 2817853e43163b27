using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Inspections;

/// <summary>The statements of an inspection that read <see cref="StartFacts"/> and the protection of Logto's tables.</summary>
internal static class StartQuery
{
    /// <summary>
    /// The tables on which Logto's roles do not have all rights, and that have no trigger <c>set_tenant_id</c>
    /// (<c>packages/schemas/tables/_after_all.sql</c>).
    /// </summary>
    private const string ClosedTables = "'tenants', 'systems', 'service_logs'";

    // Logto's schema is the one in which the session finds "applications".
    private const string Schema = "(select relnamespace from pg_catalog.pg_class where oid = to_regclass('applications'))";

    // The column polroles of pg_policy is {0} for PUBLIC. A table may have more policies: older releases have three on "roles".
    private const string Protection = $$"""
        with policies as (
          select polrelid, polpermissive
          from pg_catalog.pg_policy
          where polcmd = '*' and polroles::text = '{0}'),
        judged as (
          select c.relname,
            c.oid in (select polrelid from policies where polpermissive) as permissive,
            c.relname = 'tenants' or c.oid in (select polrelid from policies where not polpermissive) as restrictive,
            c.relname = 'tenants' or c.oid in (
              select tgrelid from pg_catalog.pg_trigger where tgname = 'set_tenant_id' and tgenabled in ('O', 'A')) as filled
          from pg_catalog.pg_class c
          where c.relnamespace = {{Schema}}
            and c.relkind = 'r'
            and c.relname = any (string_to_array($1, ',')::name[])
            and c.relname not in ('systems', 'service_logs'))
        select relname::text,
          case
            when not permissive then 'has no permissive policy for all'
            when not restrictive then 'has no restrictive policy for all'
            else 'has no enabled trigger set_tenant_id'
          end
        from judged
        where not (permissive and restrictive and filled)
        order by 1
        """;

    // The cast to name cuts a long role name as the server does at its creation and at a login. One has_table_privilege with four
    // privileges is true if the role has any of them, hence four calls. RoleSettings judges the settings, to save work on the server.
    private const string NeededTenants = $$"""
        with needed as (
          select t.id, t.db_user, t.db_user_password is null as is_without_password,
            r.oid, r.rolcanlogin, r.rolconnlimit, r.rolvaliduntil, r.rolsuper, r.rolbypassrls
          from tenants t
          left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
          where t.id in ('default', 'admin'))
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
            when closed.number > 0 then 'may not read and write ' || closed.number || ' of Logto''s tables, such as ' || closed.first
            when not has_column_privilege(n.oid, to_regclass('tenants'), 'id', 'SELECT')
              or not has_column_privilege(n.oid, to_regclass('tenants'), 'db_user', 'SELECT')
              then 'may not read its own row of the table tenants'
          end,
          coalesce(n.rolconnlimit, -1),
          (select string_agg(case when s.setrole <> 0 then 'role ' else 'all ' end || setting, ','
              order by s.setrole <> 0, s.setdatabase <> 0)
            from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as setting
            where s.setrole in (0, n.oid)
              and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
              and split_part(setting, '=', 1) in ('row_security', 'statement_timeout', 'default_transaction_read_only'))
        from needed n
        cross join lateral (
          select count(*) as number, min(c.relname) as first
          from pg_catalog.pg_class c
          where c.relnamespace = {{Schema}}
            and c.relkind = 'r'
            and c.relname = any (string_to_array($1, ',')::name[])
            and c.relname not in ({{ClosedTables}})
            and not (has_table_privilege(n.oid, c.oid, 'SELECT') and has_table_privilege(n.oid, c.oid, 'INSERT')
              and has_table_privilege(n.oid, c.oid, 'UPDATE') and has_table_privilege(n.oid, c.oid, 'DELETE'))) as closed
        order by 1
        """;

    private const string OtherTenants = """
        select count(*), count(*) filter (where r.oid is null or not r.rolcanlogin or t.db_user_password is null)
        from tenants t
        left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
        where t.id not in ('default', 'admin')
        """;

    // Counts keys as core does (packages/schemas/src/utils/oidc-private-key.ts). It fails before 1.0.0-rc.1, when the table had no column
    // "tenant_id".
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

    /// <summary>
    /// Returns the statement that finds Logto's tables without their policies or triggers. It reads only the server's catalog.
    /// </summary>
    public static string ProtectionOf(IReadOnlyList<string> tables) => WithTables(Protection, tables);

    /// <summary>
    /// Returns the statements that fail when Logto's tables are missing or cannot be read. <see cref="ReadAsync"/> reads their results.
    /// </summary>
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
    /// <exception cref="PostgresException">A table is missing, or the user may not read it.</exception>
    public static async Task<StartFacts> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken);
        var tenants = new List<TenantFacts>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var settings = RoleSettings.Parse(await reader.ReadTextAsync(4, cancellationToken) ?? "");
            tenants.Add(new TenantFacts(
                reader.GetString(0),
                await reader.ReadTextAsync(1, cancellationToken),
                await reader.ReadTextAsync(2, cancellationToken)
                    ?? (settings.Wrong is { } wrong ? $"has a setting with which Logto fails: {wrong}" : null),
                settings.Wrong,
                reader.GetInt32(3),
                settings.StatementMilliseconds));
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
