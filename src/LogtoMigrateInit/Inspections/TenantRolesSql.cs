using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// SQL for Logto's roles and for signing keys, each on one line. The server copies passwords from the table to the role, so they are in no
/// text. No error shows a statement that contains one.
/// </summary>
internal static class TenantRolesSql
{
    /// <summary>Keeps the first key of each status. Logto stores the newest key first.</summary>
    public static string TrimKeys(string tenant) => OneLine($$"""
        update logto_configs set value = (
        select jsonb_agg(key order by number) from (
        select key, number, row_number() over (partition by status order by number) as place from (
        select key, number, coalesce(key ->> 'status', case number when 1 then 'Current' else 'Previous' end) as status
        from jsonb_array_elements(value) with ordinality as keys (key, number)) as judged) as ranked
        where place = 1)
        where key = 'oidc.privateKeys' and tenant_id = {{SqlNames.Literal(tenant)}}
        """);

    /// <summary>Sets a setting for a role in one database, which has the highest precedence.</summary>
    /// <param name="value">The value as SQL.</param>
    public static string Set(string role, string database, string setting, string value) =>
        $"alter role {SqlNames.Quote(role)} in database {SqlNames.Quote(database)} set {setting} = {value}";

    /// <summary>Sets a setting of a role to the value that core needs.</summary>
    public static string Correct(string role, string database, string setting) =>
        Set(role, database, setting, setting == "row_security" ? "on" : "off");

    /// <summary>Gives these roles the passwords of the table <c>tenants</c>, with which Logto logs in.</summary>
    public static string SetPasswords(IEnumerable<string> roles) => SqlNames.Do(OneLine("""
        declare t record;
        begin
        for t in select db_user, db_user_password from tenants where db_user in ($roles) loop
        begin execute format('alter role %I password %L', t.db_user, t.db_user_password);
        exception when others then raise exception 'role % has kept its password: %', t.db_user, sqlerrm; end;
        end loop;
        end
        """).Replace("$roles", string.Join(", ", roles.Select(SqlNames.Literal)), StringComparison.Ordinal));

    /// <summary>
    /// Creates the missing roles of a database that was just restored: the parent, and a role for each tenant with the password of its row.
    /// The parent gets a random password, because some clouds refuse a role without one.
    /// </summary>
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
