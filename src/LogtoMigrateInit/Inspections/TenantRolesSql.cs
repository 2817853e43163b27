using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// SQL that an operator runs when Logto cannot log in as its tenants' roles. One line each, without backquotes, to be copied from a
/// message. Passwords go from the table to the role inside the server: they are in no text, and no error shows the statement that
/// holds one.
/// </summary>
internal static class TenantRolesSql
{
    /// <summary>Where to run the SQL; a backquote follows.</summary>
    public const string HowToRun = "In psql, connected to this database as the owner of Logto's tables or as a superuser, run";

    /// <summary>The remedy for more Previous keys than core accepts: an imperative clause.</summary>
    /// <param name="tenant">The tenant's id.</param>
    /// <param name="surplus">How many keys are too many.</param>
    public static string TrimKeys(string tenant, int surplus) =>
        $"drop the {surplus} oldest {(surplus == 1 ? "key" : "keys")} of that tenant: with `npm run cli db config trim oidc.privateKeys " +
        $"{surplus}` in the image of a Logto older than 1.39, or with `update logto_configs set value = jsonb_path_query_array(value, " +
        $"'$[0 to 1]') where key = 'oidc.privateKeys' and tenant_id = {SqlNames.Literal(tenant)}` in this database. Tokens that the " +
        "dropped keys signed are no longer accepted. Then start again";

    /// <summary>Takes a setting back that a role has in all databases, or in this one.</summary>
    public static string Reset(string role, string setting) => $"alter role {SqlNames.Quote(role)} reset {setting}";

    /// <summary>Gives a role the value of a setting that core needs. One for a role in a database counts before all others.</summary>
    public static string Correct(string role, string database, string setting) =>
        $"alter role {SqlNames.Quote(role)} in database {SqlNames.Quote(database)} set {setting} = " +
        $"{(setting == "row_security" ? "on" : "off")}";

    /// <summary>
    /// Makes what is missing and mends what is there: the parent role with the rights that Logto's seed grants
    /// (<c>packages/schemas/tables/_after_all.sql</c>), and each tenant's role as its member. Whoever may log in already is only made a
    /// member.
    /// </summary>
    public static readonly string MakeRoles = OneLine("""
        do $$
        declare parent text := 'logto_tenant_' || replace(current_database(), '-', '_'); columns text; t record;
        begin
        if not exists (select from pg_roles where rolname = parent)
        and exists (select from pg_roles where rolname = 'logto_tenant_' || current_database()) then
        parent := 'logto_tenant_' || current_database(); end if;
        if not exists (select from pg_roles where rolname = parent) then execute format('create role %I noinherit', parent); end if;
        select string_agg(attname, ', ') into columns from pg_attribute
        where attrelid = 'tenants'::regclass and attname in ('id', 'db_user', 'is_suspended', 'tag');
        execute format('grant connect on database %I to %I', current_database(), parent);
        execute format('grant usage on schema %I to %I', current_schema(), parent);
        execute format('grant select, insert, update, delete on all tables in schema %I to %I', current_schema(), parent);
        execute format('revoke all on systems, service_logs, tenants from %I', parent);
        execute format('grant select (%s) on tenants to %I', columns, parent);
        for t in select db_user, db_user_password, r.* from tenants
        left join pg_roles r on rolname = db_user::name where db_user is not null loop
        if t.rolname is null then
        begin execute format('create role %I inherit login password %L', t.db_user, t.db_user_password);
        exception when others then raise exception 'role % was not made: %', t.db_user, sqlerrm; end;
        elsif not (t.rolcanlogin and t.rolinherit) or t.rolconnlimit = 0 or t.rolvaliduntil <= now() then
        execute format('alter role %I inherit login connection limit -1 valid until ''infinity''', t.db_user);
        end if;
        if not pg_has_role(t.db_user::name, parent::name, 'USAGE') then execute format('grant %I to %I', parent, t.db_user); end if;
        end loop;
        end $$
        """);

    /// <summary>Gives these roles the passwords that Logto will use.</summary>
    public static string SetPasswords(IEnumerable<string> roles) => SqlNames.Do(OneLine($$"""
        declare t record;
        begin
        for t in select db_user, db_user_password from tenants where db_user in ({{string.Join(", ", roles.Select(SqlNames.Literal))}}) loop
        begin execute format('alter role %I password %L', t.db_user, t.db_user_password);
        exception when others then raise exception 'role % has kept its password: %', t.db_user, sqlerrm; end;
        end loop;
        end
        """));

    /// <summary>
    /// Makes what is missing of Logto's roles for a database that was just restored under another name: the parent, with a password that
    /// nobody knows, because some clouds refuse a role without one, and a role for each tenant with the password that its row has.
    /// </summary>
    /// <param name="parent">Its name; see <see cref="MakeRoles"/>.</param>
    public static string MakeRolesFor(string parent) => SqlNames.Do(OneLine($$"""
        declare parent text := {{SqlNames.Literal(parent)}}; t record;
        begin
        if not exists (select from pg_roles where rolname = parent) then
        execute format('create role %I noinherit nologin password %L', parent, gen_random_uuid()); end if;
        for t in select db_user, db_user_password from tenants
        where db_user is not null and not exists (select from pg_roles where rolname = db_user::name) loop
        begin execute format('create role %I inherit login password %L in role %I', t.db_user, t.db_user_password, parent);
        exception when others then raise exception 'role % was not made: %', t.db_user, sqlerrm; end;
        end loop;
        end
        """));

    private static string OneLine(string sql) => sql.ReplaceLineEndings(" ");
}
