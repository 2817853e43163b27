using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>Decides whether the server has enough free connections for a waiting replica to keep one.</summary>
internal static class RoomQuery
{
    // There is room while more than half of the connections of the server, the role and the database are free. Each waiting replica leaves
    // younger ones out of its count. So the youngest closes its connection first, and not all close at once. An owner sees neither age nor
    // state of other roles' sessions; they all count. Behind a pooler, where the pid of the login differs from that of the session, the
    // answer is always no.
    private const string HasRoom = """
        with me as (
          select a.pid, a.backend_start, r.oid as role, r.rolconnlimit, r.rolsuper, d.oid as database, d.datconnlimit
          from pg_catalog.pg_stat_activity a
          join pg_catalog.pg_roles r on r.oid = a.usesysid
          join pg_catalog.pg_database d on d.oid = a.datid
          where a.pid = pg_catalog.pg_backend_pid()),
        stays as (
          select a.usesysid = me.role as of_role, a.datid = me.database as of_database
          from pg_catalog.pg_stat_activity a
          cross join me
          where a.datid is not null
            and (a.application_name = $1 and a.state = 'idle'
              and (a.backend_start, a.pid) > (me.backend_start, me.pid)) is not true)
        select me.pid = $2
          and 2 * (select count(*) from stays)
            < pg_catalog.current_setting('max_connections')::bigint
              - pg_catalog.current_setting('superuser_reserved_connections')::bigint
              - coalesce(pg_catalog.current_setting('reserved_connections', true)::bigint, 0)
          and (me.rolsuper or me.rolconnlimit < 0
            or 2 * (select count(*) from stays where of_role) < me.rolconnlimit)
          and (me.rolsuper or me.datconnlimit < 0
            or 2 * (select count(*) from stays where of_database) < me.datconnlimit)
        from me
        """;

    // The idle_session_timeout of a role must not end a kept connection.
    private const string KeepWhenIdle = """
        select pg_catalog.set_config('idle_session_timeout', '0', false)
        where pg_catalog.current_setting('idle_session_timeout', true) <> '0'
        """;

    public static async Task<bool> HasRoomAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var query = new NpgsqlCommand(HasRoom, connection)
        {
            CommandTimeout = LockQueries.PollSeconds,
            Parameters = { new() { Value = SessionNames.Own }, new() { Value = connection.ProcessID } },
        };
        if (await query.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return false;
        }

        await using var keep = new NpgsqlCommand(KeepWhenIdle, connection) { CommandTimeout = LockQueries.PollSeconds };
        await keep.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }
}
