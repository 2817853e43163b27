using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Repair;

/// <summary>A role in the table <c>tenants</c>, as which Logto logs in.</summary>
/// <param name="Exists">Whether the role exists on the server. If not, all rights are false.</param>
/// <param name="ConnectionLimit">-1: no limit.</param>
/// <param name="IsExpired">Whether its password is no longer valid.</param>
/// <param name="IsMember">Whether it is a member of the parent role, with or without inheriting its rights.</param>
/// <param name="HasParentsRights">Whether it has the rights of the parent role.</param>
/// <param name="HasPassword">Whether the table has a password for it.</param>
internal sealed record LoginRole(
    string Name, bool Exists, bool MayLogIn, bool Inherits, int ConnectionLimit, bool IsExpired, bool IsMember, bool HasParentsRights,
    bool MayConnect, bool MayUseSchema, bool HasPassword)
{
    /// <summary>Whether no fault of the role is known, so that only a login can show more.</summary>
    public bool CanWork =>
        Exists && MayLogIn && ConnectionLimit != 0 && !IsExpired && HasParentsRights && MayConnect && MayUseSchema && HasPassword;
}

/// <summary>Logto's login roles, and their parent role, which has the rights on Logto's tables.</summary>
/// <param name="Parent">The name of the parent role.</param>
/// <param name="Schema">The quoted name of Logto's schema.</param>
/// <param name="ParentExists">Whether the parent exists on the server. If not, its rights are those of PUBLIC.</param>
/// <param name="ClosedTables">The quoted names of Logto's tables that the parent may not read and write; null: none.</param>
/// <param name="ClosedColumns">The columns of <c>tenants</c> that Logto's roles need and the parent may not read; null: none.</param>
internal sealed record RoleFacts(
    string Parent, string Schema, bool ParentExists, bool ParentMayConnect, bool ParentMayUseSchema, string? ClosedTables,
    string? ClosedColumns, IReadOnlyList<LoginRole> Logins);

/// <summary>Reads <see cref="RoleFacts"/>.</summary>
internal static class RoleQuery
{
    private const string Chosen = """
        select coalesce(
          (select r.rolname::text from unnest(string_to_array($1, chr(1))) with ordinality as names (name, number)
            join pg_catalog.pg_roles r on r.rolname = name::name
            order by number limit 1),
          split_part($1, chr(1), 1)::name::text)
        """;

    private const string Parents = """
        with home as (select relnamespace as oid from pg_catalog.pg_class where oid = to_regclass('applications')),
        parent as (select oid from pg_catalog.pg_roles where rolname = $1::name)
        select (select oid::regnamespace::text from home),
          exists (select from parent),
          coalesce(
            (select has_database_privilege(oid, current_database(), 'CONNECT') from parent),
            has_database_privilege('public', current_database(), 'CONNECT')),
          coalesce(
            (select has_schema_privilege(parent.oid, home.oid, 'USAGE') from parent, home),
            (select has_schema_privilege('public', oid, 'USAGE') from home)),
          (select string_agg(quote_ident(c.relname), ', ' order by c.relname)
            from pg_catalog.pg_class c
            where c.relnamespace = (select oid from home)
              and c.relkind = 'r'
              and c.relname = any (string_to_array($2, ',')::name[])
              and c.relname not in ('tenants', 'systems', 'service_logs')
              and not exists (
                select from parent p
                where has_table_privilege(p.oid, c.oid, 'SELECT') and has_table_privilege(p.oid, c.oid, 'INSERT')
                  and has_table_privilege(p.oid, c.oid, 'UPDATE') and has_table_privilege(p.oid, c.oid, 'DELETE'))),
          (select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
            from pg_catalog.pg_attribute a
            where a.attrelid = to_regclass('tenants')
              and a.attname in ('id', 'db_user', 'is_suspended', 'tag')
              and not exists (select from parent p where has_column_privilege(p.oid, a.attrelid, a.attnum, 'SELECT')))
        """;

    private const string Logins = """
        select distinct on (t.db_user) t.db_user::text, r.oid is not null,
          coalesce(r.rolcanlogin, false), coalesce(r.rolinherit, false), coalesce(r.rolconnlimit, -1),
          coalesce(r.rolvaliduntil <= now(), false),
          coalesce(pg_has_role(r.oid, p.oid, 'MEMBER'), false), coalesce(pg_has_role(r.oid, p.oid, 'USAGE'), false),
          coalesce(has_database_privilege(r.oid, current_database(), 'CONNECT'), false),
          coalesce(has_schema_privilege(r.oid, c.relnamespace, 'USAGE'), false),
          t.db_user_password is not null
        from tenants t
        left join pg_catalog.pg_roles r on r.rolname = t.db_user::name
        left join pg_catalog.pg_roles p on p.rolname = $1::name
        left join pg_catalog.pg_class c on c.oid = to_regclass('applications')
        where t.db_user is not null
        order by t.db_user
        """;

    /// <param name="connection">A connection to the real database.</param>
    /// <param name="parents">The possible names of the parent. The first that exists counts; if none exists, the first.</param>
    public static async Task<RoleFacts> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<string> parents, IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        var parent = (await ReadParentAsync(connection, parents, cancellationToken))!;
        await using var command = new NpgsqlCommand(Parents, connection)
        {
            Parameters = { new() { Value = parent }, new() { Value = string.Join(',', tables) } },
        };
        RoleFacts facts;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            facts = new RoleFacts(
                parent, reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.GetBoolean(3),
                await reader.ReadTextAsync(4, cancellationToken), await reader.ReadTextAsync(5, cancellationToken), []);
        }

        return facts with { Logins = await ReadLoginsAsync(connection, parent, cancellationToken) };
    }

    private static async Task<string?> ReadParentAsync(
        NpgsqlConnection connection, IReadOnlyList<string> parents, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Chosen, connection)
        {
            Parameters = { new() { Value = string.Join('\u0001', parents) } },
        };
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    }

    private static async Task<IReadOnlyList<LoginRole>> ReadLoginsAsync(
        NpgsqlConnection connection, string parent, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Logins, connection) { Parameters = { new() { Value = parent } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var logins = new List<LoginRole>();
        while (await reader.ReadAsync(cancellationToken))
        {
            logins.Add(new LoginRole(
                reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.GetBoolean(3), reader.GetInt32(4),
                reader.GetBoolean(5), reader.GetBoolean(6), reader.GetBoolean(7), reader.GetBoolean(8), reader.GetBoolean(9),
                reader.GetBoolean(10)));
        }

        return logins;
    }
}
