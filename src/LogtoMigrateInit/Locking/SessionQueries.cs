using System.Globalization;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>Another session, as far as PostgreSQL shows it. An ordinary owner sees little of other roles' sessions.</summary>
/// <param name="Pid">The server process.</param>
/// <param name="User">Null when hidden.</param>
/// <param name="Application">Empty when it has no application_name, or when hidden.</param>
/// <param name="Address">The client's address; <c>local</c> for a Unix socket or when hidden.</param>
/// <param name="SinceSeconds">The seconds since the start of its transaction or else of the session; 0 when hidden.</param>
/// <param name="Query">The current or last statement without its values; <c>&lt;hidden&gt;</c> when the user may not see it.</param>
internal sealed record ServerSession(int Pid, string? User, string Application, string Address, double SinceSeconds, string Query)
{
    /// <summary>Returns the session for a log line: who, from where, since when.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"pid {Pid} ({(Application.Length > 0 ? Application : "no application_name")}, user {User ?? "hidden"}, from {Address}, for " +
        $"{SinceSeconds:0} s)");
}

/// <summary>The sessions of other runs' CLIs that the holder of the lock found.</summary>
/// <param name="AtWork">Active sessions, which are left to end by themselves.</param>
/// <param name="Ended">Sessions that the server was just told to terminate. They may exist for another moment.</param>
internal sealed record FencedSessions(IReadOnlyList<ServerSession> AtWork, IReadOnlyList<ServerSession> Ended);

/// <summary>Sessions that wait behind a session of the CLI, which waits for a lock itself.</summary>
/// <param name="Pid">The server process of the CLI's session.</param>
/// <param name="Count">The number of sessions that wait behind it.</param>
/// <param name="Longest">The longest of these waits.</param>
internal sealed record SessionQueue(int Pid, long Count, TimeSpan Longest);

/// <summary>The activity of the sessions of one application_name.</summary>
internal enum SessionActivity
{
    /// <summary>No session exists.</summary>
    None = 0,

    /// <summary>All sessions are idle outside a transaction.</summary>
    Idle = 1,

    /// <summary>A session runs a statement, or is in a transaction.</summary>
    AtWork = 2,
}

/// <summary>Queries of other sessions: those that block the CLI, and those that a killed CLI left.</summary>
internal static class SessionQueries
{
    /// <summary>The columns of a <see cref="ServerSession"/>; <c>a</c> is <c>pg_stat_activity</c>.</summary>
    internal const string Columns = """
        a.pid, a.usename::text, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
        coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8,
        case when a.query is null or a.query = '<insufficient privilege>' then '<hidden>' else left(a.query, 10000) end
        """;

    // A session counts as active if it runs a statement and holds a strong lock, or builds an index. It ends by itself within seconds when
    // its client is gone. If the user may not terminate the session, holding such a lock is enough, because an owner does not see the state
    // of another role's session (https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL). A session that
    // writes to "systems" is about to commit an alteration, and its commit may wait for a synchronous standby. No session is terminated
    // behind a pooler, where the pid of the login differs from that of the session: connections there keep the name of an earlier client.
    // None is terminated either if this run has lost the lock without knowing it, because the sessions then belong to the next holder.
    private static readonly string Fence = $"""
        with others as materialized (
          select a.*,
            exists (select from pg_catalog.pg_stat_progress_create_index p where p.pid = a.pid)
              or exists (select from pg_catalog.pg_locks l where l.pid = a.pid and l.locktype = 'relation'
                and (l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                  or (l.mode = 'RowExclusiveLock' and l.relation = to_regclass('systems')))) as locks,
            pg_backend_pid() = $3
              and exists (select from pg_catalog.pg_locks l where l.pid = $4 and {LockQueries.IsHeldLock})
              and (me.rolsuper
                or (not r.rolsuper and (pg_has_role(r.oid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE')))) as endable
          from pg_catalog.pg_stat_activity a
          join pg_catalog.pg_roles r on r.oid = a.usesysid
          join pg_catalog.pg_roles me on me.rolname = current_user
          where a.datname = current_database() and a.pid <> pg_backend_pid()
            and starts_with(a.application_name, $1) and a.application_name <> $2),
        judged as materialized (select a.*, a.locks and (a.state = 'active' or not a.endable) as at_work from others a)
        select {Columns}, a.at_work, case when a.endable and not a.at_work then pg_terminate_backend(a.pid) else false end
          from judged a order by a.pid
        """;

    // Background workers of the server have no database and do not count. A limit of -1 means no limit.
    private const string FreeSlots = """
        select least(
            current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
              - coalesce(current_setting('reserved_connections', true)::bigint, 0) - count(a.datid),
            case when r.rolconnlimit >= 0 and not r.rolsuper then r.rolconnlimit - count(*) filter (where a.usesysid = r.oid) end,
            case when d.datconnlimit >= 0 and not r.rolsuper then d.datconnlimit - count(*) filter (where a.datid = d.oid) end)
          from pg_catalog.pg_roles r
          join pg_catalog.pg_database d on d.datname = current_database()
          cross join pg_catalog.pg_stat_activity a
          where r.rolname = current_user
          group by r.rolconnlimit, r.rolsuper, d.datconnlimit
        """;

    private const string Blockers = $"""
        select {Columns} from pg_catalog.pg_stat_activity a
          where a.pid in (select unnest(pg_blocking_pids(c.pid)) from pg_catalog.pg_stat_activity c
            where c.datname = current_database() and c.application_name = $1)
            and a.application_name is distinct from $1 and a.pid <> pg_backend_pid()
          order by a.pid
        """;

    // Concurrent index builds are left out: reads and writes do not queue behind them, so they may wait for as long as they need. Every
    // role sees all of pg_locks. "waitstart" is null for a moment after a wait has begun.
    private const string Queue = """
        with waiting as materialized (
          select a.pid from pg_catalog.pg_stat_activity a
            where a.datname = current_database() and a.application_name = $1 and a.query !~* '\mconcurrently\M'
              and exists (select from pg_catalog.pg_locks l where l.pid = a.pid and not l.granted))
        select w.pid, count(distinct l.pid), coalesce(extract(epoch from clock_timestamp() - min(l.waitstart)), 0)::float8
          from waiting w
          join pg_catalog.pg_locks l on not l.granted and l.pid <> w.pid and w.pid = any (pg_blocking_pids(l.pid))
          group by w.pid order by 3 desc limit 1
        """;

    private const int ColumnCount = 6;

    private const string Terminate = """
        select count(pg_terminate_backend(a.pid)) from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.pid <> pg_backend_pid() and a.application_name = $1
        """;

    // Does nothing behind a pooler, where the setting would stay on a connection that other clients use.
    private const string EndWhenIdle = "select set_config('idle_session_timeout', $1, false) where pg_backend_pid() = $2";

    private const string Activity = """
        select coalesce(max(case when a.state = 'idle' then 1 else 2 end), 0) from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.application_name = $1
        """;

    /// <summary>
    /// Runs a query as the user who logged in. Reason: a role with <c>alter role … set role …</c> works as another role, which may neither
    /// see nor terminate the sessions of the first.
    /// </summary>
    /// <param name="connection">A connection outside a transaction, so that the change lasts for this query only.</param>
    internal static NpgsqlBatch AsLoginUser(NpgsqlConnection connection, NpgsqlBatchCommand query) => new(connection)
    {
        BatchCommands = { new("select set_config('role', 'none', true)"), query },
    };

    /// <summary>Runs the batch of <see cref="AsLoginUser"/>, and returns the rows of its query.</summary>
    internal static async Task<NpgsqlDataReader> ReadAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return reader;
    }

    private static async Task<T> ReadScalarAsync<T>(
        NpgsqlConnection connection, NpgsqlBatchCommand query, CancellationToken cancellationToken)
    {
        await using var batch = AsLoginUser(connection, query);
        await using var reader = await ReadAsync(batch, cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return await reader.GetFieldValueAsync<T>(0, cancellationToken);
    }

    /// <summary>
    /// Terminates the sessions of all other runs' CLIs. Reason: this run holds the lock, so the other runs are suspended, disconnected or
    /// dead. Active sessions are left to end by themselves.
    /// </summary>
    /// <param name="connection">A connection outside a transaction.</param>
    /// <param name="ownName">The <c>application_name</c> of this run's CLI.</param>
    /// <param name="lockPid">The server process of the session that holds the lock.</param>
    public static async Task<FencedSessions> FenceAsync(
        NpgsqlConnection connection, string ownName, int lockPid, CancellationToken cancellationToken)
    {
        var fence = new NpgsqlBatchCommand(Fence)
        {
            Parameters =
            {
                new() { Value = SessionNames.CliPrefix },
                new() { Value = ownName },
                new() { Value = connection.ProcessID },
                new() { Value = lockPid },
            },
        };
        await using var batch = AsLoginUser(connection, fence);
        await using var reader = await ReadAsync(batch, cancellationToken);
        var (atWork, ended) = (new List<ServerSession>(), new List<ServerSession>());
        while (await reader.ReadAsync(cancellationToken))
        {
            var session = await ReadAsync(reader, cancellationToken);
            if (reader.GetBoolean(ColumnCount))
            {
                atWork.Add(session);
            }
            else if (reader.GetBoolean(ColumnCount + 1))
            {
                ended.Add(session);
            }
        }

        return new FencedSessions(atWork, ended);
    }

    /// <summary>Sets the session's idle time-out, because this program may disappear without closing the connection.</summary>
    public static async Task EndWhenIdleAsync(NpgsqlConnection connection, TimeSpan time, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(EndWhenIdle, connection)
        {
            Parameters =
            {
                new() { Value = time.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) },
                new() { Value = connection.ProcessID },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Returns how many more sessions the user can open in this database, by the limits of the server, the role and the database.
    /// </summary>
    public static async Task<long> CountFreeSlotsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        return await ReadScalarAsync<long>(connection, new NpgsqlBatchCommand(FreeSlots), cancellationToken);
    }

    /// <summary>Finds sessions that wait behind a statement of the CLI, which waits for a lock itself.</summary>
    /// <returns>The longest queue; null when there is none.</returns>
    public static async Task<SessionQueue?> FindQueueAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var batch = AsLoginUser(connection, new NpgsqlBatchCommand(Queue) { Parameters = { new() { Value = name } } });
        await using var reader = await ReadAsync(batch, cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new SessionQueue(reader.GetInt32(0), reader.GetInt64(1), TimeSpan.FromSeconds(reader.GetDouble(2)))
            : null;
    }

    /// <summary>Cancels the current statement of a server process. Its session continues.</summary>
    public static async Task CancelAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        var cancel = new NpgsqlBatchCommand("select pg_cancel_backend($1)") { Parameters = { new() { Value = pid } } };
        await using var batch = AsLoginUser(connection, cancel);
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Finds the sessions for whose locks the CLI waits.</summary>
    public static Task<IReadOnlyList<ServerSession>> FindBlockersAsync(
        NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        ReadAsync(connection, Blockers, name, cancellationToken);

    /// <summary>Returns the activity of the busiest session with this <c>application_name</c> in the database.</summary>
    public static async Task<SessionActivity> ReadActivityAsync(
        NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        var query = new NpgsqlBatchCommand(Activity) { Parameters = { new() { Value = name } } };
        return (SessionActivity)await ReadScalarAsync<int>(connection, query, cancellationToken);
    }

    /// <summary>Terminates the sessions of this run's CLI.</summary>
    /// <returns>The number of sessions that still existed; 0 means that all are gone.</returns>
    public static async Task<long> TerminateAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        var query = new NpgsqlBatchCommand(Terminate) { Parameters = { new() { Value = name } } };
        return await ReadScalarAsync<long>(connection, query, cancellationToken);
    }

    internal static async Task<IReadOnlyList<ServerSession>> ReadAsync(
        NpgsqlConnection connection, string query, string? name, CancellationToken cancellationToken)
    {
        var command = new NpgsqlBatchCommand(query);
        if (name is not null)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = name });
        }

        return await ReadAsync(connection, command, cancellationToken);
    }

    /// <summary>Runs the query as the user who logged in, and returns its sessions. It must select <see cref="Columns"/>.</summary>
    internal static async Task<IReadOnlyList<ServerSession>> ReadAsync(
        NpgsqlConnection connection, NpgsqlBatchCommand query, CancellationToken cancellationToken)
    {
        await using var batch = AsLoginUser(connection, query);
        await using var reader = await ReadAsync(batch, cancellationToken);
        var sessions = new List<ServerSession>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sessions.Add(await ReadAsync(reader, cancellationToken));
        }

        return sessions;
    }

    private static async Task<ServerSession> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken) => new(
        reader.GetInt32(0), await reader.IsDBNullAsync(1, cancellationToken) ? null : reader.GetString(1),
        reader.GetString(2), reader.GetString(3), reader.GetDouble(4), SqlText.ForLog(reader.GetString(5)));
}
