using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Scratch;

/// <summary>The user's rights on the server, and the server's roles and extensions.</summary>
/// <param name="MayCreateDatabases">Whether the user may create and rename databases.</param>
/// <param name="MayCreateRoles">Whether the user may create roles.</param>
/// <param name="Extensions">The extensions that the user can create.</param>
/// <param name="Roles">The names of all roles.</param>
/// <param name="ServerVersion">PostgreSQL's <c>server_version_num</c>.</param>
internal sealed record ClusterRights(
    string User,
    bool IsSuperuser,
    bool MayCreateDatabases,
    bool MayCreateRoles,
    IReadOnlySet<string> Extensions,
    IReadOnlySet<string> Roles,
    int ServerVersion)
{
    /// <summary>The superusers, and the roles that have this user's rights. A restore by this user takes no access from them.</summary>
    public IReadOnlySet<string> Unaffected { get; init; } = new HashSet<string>();

    /// <summary>The roles to which this user can give objects without losing rights on them.</summary>
    public IReadOnlySet<string> Assumable { get; init; } = new HashSet<string>();

    public int Major => ServerVersion / 10000;
}

/// <summary>A database in the server's catalog.</summary>
/// <param name="IsOwn">Whether the user has the owner's rights, and so may rename it.</param>
/// <param name="LetsIn">Whether it accepts connections (<c>allow_connections</c>). It can be renamed in both cases.</param>
internal sealed record CatalogDatabase(bool IsOwn, bool LetsIn);

/// <summary>Queries of the server's catalog, run in a maintenance database.</summary>
internal static class ClusterQueries
{
    private const string Rights = """
        select rolname::text,
          rolsuper,
          rolsuper or rolcreatedb,
          rolsuper or rolcreaterole,
          current_setting('server_version_num')::int
        from pg_catalog.pg_roles
        where rolname = current_user
        """;

    private const string Extensions = """
        select distinct v.name::text
        from pg_catalog.pg_available_extension_versions v, pg_catalog.pg_roles r
        where r.rolname = current_user
          and (r.rolsuper or v.trusted or not v.superuser)
        """;

    private const string Roles = "select rolname::text from pg_catalog.pg_roles";

    private const string Unaffected = """
        select rolname::text
        from pg_catalog.pg_roles
        where rolsuper or pg_has_role(oid, current_user, 'USAGE')
        """;

    // Since PostgreSQL 16 a membership may lack the right to set the role.
    private const string Assumable = """
        select rolname::text
        from pg_catalog.pg_roles
        where pg_has_role(oid, 'USAGE')
          and pg_has_role(oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
        """;

    private const string Database = """
        select pg_has_role(datdba, 'USAGE'), datallowconn
        from pg_catalog.pg_database
        where datname = $1::name
        """;

    // The server's own workers are left out, because they end by themselves.
    private const string Sessions = $"""
        select {SessionQueries.Columns}
        from pg_catalog.pg_stat_activity a
        where a.datname = $1::name
          and a.pid <> all ($2::int[])
          and a.usesysid is not null
          and coalesce(a.backend_type, 'client backend') = 'client backend'
        order by a.pid
        """;

    // Since PostgreSQL 16 the admin option is necessary. Before, CREATEROLE was enough for all roles except superusers.
    private const string FixedRoles = """
        select r.rolname::text
        from pg_catalog.pg_roles r
        join pg_catalog.pg_roles m on m.rolname = current_user
        where starts_with(r.rolname::text, $1)
          and r.rolname <> current_user
          and not m.rolsuper
          and (r.rolsuper
            or not m.rolcreaterole
            or (current_setting('server_version_num')::int >= 160000 and not pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')))
        """;

    // Uses the rules of EndSessions below. A WAL sender counts as a session in the database, and so does a worker of an extension, such as
    // pg_cron. A rename itself ends autovacuum workers (CountOtherDBBackends), and a parallel worker ends with its leader.
    private const string Unendable = """
        select format('prepared transaction %L of user %s, which `rollback prepared %L` ends', p.gid, p.owner, p.gid)
        from pg_catalog.pg_prepared_xacts p
        where p.database = $1::name
        union all
        select format(
          '%s of pid %s (user %s%s), which this user cannot end',
          case when coalesce(a.backend_type, 'client backend') = 'client backend' then 'session' else a.backend_type end, a.pid,
          coalesce(a.usename, 'none'), coalesce(', application ' || nullif(a.application_name, ''), ''))
        from pg_catalog.pg_stat_activity a
        left join pg_catalog.pg_roles r on r.oid = a.usesysid
        join pg_catalog.pg_roles m on m.rolname = current_user
        where a.datname = $1::name
          and coalesce(a.backend_type, 'client backend') not in ('autovacuum worker', 'parallel worker')
          and not m.rolsuper
          and (r.oid is null
            or r.rolsuper
            or not (
              pg_has_role(a.usesysid, 'USAGE')
              or pg_has_role('pg_signal_backend', 'USAGE')
              or pg_has_role(a.usesysid, 'MEMBER WITH ADMIN OPTION')
              or (current_setting('server_version_num')::int < 160000 and m.rolcreaterole)))
        """;

    // Members of a role may end its sessions (https://www.postgresql.org/docs/current/functions-admin.html). So the user grants itself a
    // role that it may grant, ends the session, and revokes the role.
    private const string EndSessions = """
        declare
          s record;
          me name := current_user;
        begin
          for s in
            select a.pid,
              a.usename,
              pg_has_role(a.usesysid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE') as ours,
              pg_has_role(a.usesysid, 'MEMBER WITH ADMIN OPTION')
                or (current_setting('server_version_num')::int < 160000 and m.rolcreaterole) as grantable
            from pg_stat_activity a
            join pg_roles r on r.oid = a.usesysid
            join pg_roles m on m.rolname = me
            where a.datname = {0}
              and (m.rolsuper or not r.rolsuper)
          loop
            begin
              if s.ours or (select rolsuper from pg_roles where rolname = me) then
                perform pg_terminate_backend(s.pid);
              elsif s.grantable then
                execute format('grant %I to %I', s.usename, me);
                perform pg_terminate_backend(s.pid);
                execute format('revoke %I from %I', s.usename, me);
              end if;
            exception when insufficient_privilege then
              null;
            end;
          end loop;
        end
        """;

    public static async Task<ClusterRights> ReadRightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Rights), new(Extensions), new(Roles), new(Unaffected), new(Assumable) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var rights = new ClusterRights(
            reader.GetString(0),
            reader.GetBoolean(1),
            reader.GetBoolean(2),
            reader.GetBoolean(3),
            new HashSet<string>(),
            new HashSet<string>(),
            reader.GetInt32(4));
        await reader.NextResultAsync(cancellationToken);
        rights = rights with { Extensions = (await reader.ReadNamesAsync(cancellationToken)).ToHashSet(StringComparer.Ordinal) };
        await reader.NextResultAsync(cancellationToken);
        rights = rights with { Roles = (await reader.ReadNamesAsync(cancellationToken)).ToHashSet(StringComparer.Ordinal) };
        await reader.NextResultAsync(cancellationToken);
        rights = rights with { Unaffected = (await reader.ReadNamesAsync(cancellationToken)).ToHashSet(StringComparer.Ordinal) };
        await reader.NextResultAsync(cancellationToken);
        return rights with { Assumable = (await reader.ReadNamesAsync(cancellationToken)).ToHashSet(StringComparer.Ordinal) };
    }

    /// <returns>Null when the server has no database of this name.</returns>
    public static async Task<CatalogDatabase?> FindDatabaseAsync(
        NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Database, connection) { Parameters = { new() { Value = name } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new CatalogDatabase(reader.GetBoolean(0), reader.GetBoolean(1)) : null;
    }

    /// <summary>Returns the sessions in a database.</summary>
    /// <param name="ours">The server processes of sessions to leave out.</param>
    public static async Task<IReadOnlyList<ServerSession>> FindSessionsAsync(
        NpgsqlConnection connection, string database, IReadOnlyCollection<int> ours, CancellationToken cancellationToken)
    {
        var sql = Sessions.Replace("$2::int[]", $"'{{{string.Join(',', ours)}}}'::int[]", StringComparison.Ordinal);
        return await SessionQueries.ReadAsync(
            connection, new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = database } } }, cancellationToken);
    }

    /// <summary>Returns the scratch databases of a database: those in use, and those that a killed run left.</summary>
    public static async Task<IReadOnlyList<string>> FindScratchAsync(
        NpgsqlConnection connection, string database, CancellationToken cancellationToken)
    {
        var names = new ScratchNames(database);
        await using var command = new NpgsqlCommand(
            "select datname::text from pg_catalog.pg_database where starts_with(datname::text, $1) order by 1", connection)
        {
            Parameters = { new() { Value = names.Prefix } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return [.. (await reader.ReadNamesAsync(cancellationToken)).Where(names.IsOurs)];
    }

    /// <summary>Returns the roles with a prefix whose passwords this user may not change.</summary>
    public static async Task<IReadOnlyList<string>> FindFixedRolesAsync(
        NpgsqlConnection connection, string prefix, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(FixedRoles, connection) { Parameters = { new() { Value = prefix } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadNamesAsync(cancellationToken);
    }

    /// <summary>Returns a phrase for each session or prepared transaction that prevents a rename and that this user cannot end.</summary>
    public static async Task<IReadOnlyList<string>> FindUnendableAsync(
        NpgsqlConnection connection, string database, CancellationToken cancellationToken)
    {
        var query = new NpgsqlBatchCommand(Unendable) { Parameters = { new() { Value = database } } };
        await using var batch = SessionQueries.AsLoginUser(connection, query);
        await using var reader = await SessionQueries.ReadAsync(batch, cancellationToken);
        return await reader.ReadNamesAsync(cancellationToken);
    }

    /// <summary>Ends the sessions in a database that this user can end, including those of roles that it can grant to itself.</summary>
    public static async Task EndSessionsAsync(NpgsqlConnection connection, string database, CancellationToken cancellationToken)
    {
        var sql = EndSessions.Replace("{0}", SqlNames.Literal(database), StringComparison.Ordinal);
        await using var batch = SessionQueries.AsLoginUser(connection, new NpgsqlBatchCommand(SqlNames.Do(sql)));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}
