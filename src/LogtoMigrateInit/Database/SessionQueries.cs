using System.Globalization;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>Another session, as far as PostgreSQL shows it to us; an ordinary owner sees little of other roles' sessions.</summary>
/// <param name="Pid">Its server process.</param>
/// <param name="User">Null when hidden.</param>
/// <param name="Application">Empty when it gave none, or when hidden.</param>
/// <param name="Address">The client's address; <c>local</c> for a Unix socket or when hidden.</param>
/// <param name="SinceSeconds">Seconds since its transaction, or the session, began; 0 when hidden.</param>
/// <param name="Query">What it runs or ran last, without the values in it; <c>&lt;hidden&gt;</c> when we may not see it.</param>
internal sealed record ServerSession(int Pid, string? User, string Application, string Address, double SinceSeconds, string Query)
{
    /// <summary>For a log line: who, from where, since when.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"pid {Pid} ({(Application.Length > 0 ? Application : "no application_name")}, user {User ?? "hidden"}, from {Address}, for {SinceSeconds:0} s)");
}

/// <summary>What a program's sessions do.</summary>
internal enum SessionActivity
{
    /// <summary>It has no session.</summary>
    None = 0,

    /// <summary>It has one, which waits for the program.</summary>
    Idle = 1,

    /// <summary>One runs a statement, or is in a transaction.</summary>
    AtWork = 2,
}

/// <summary>Who holds the lock, who blocks the CLI, what a killed CLI left running.</summary>
internal static class SessionQueries
{
    private const string Columns = """
        a.pid, a.usename::text, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
        coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8,
        case when a.query is null or a.query = '<insufficient privilege>' then '<hidden>' else left(a.query, 10000) end
        """;

    // A bigint key shows as two halves and objsubid 1 (https://www.postgresql.org/docs/current/view-pg-locks.html).
    private static readonly string LockHolder = string.Create(CultureInfo.InvariantCulture, $"""
        select {Columns} from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
          where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
            and l.classid::bigint = {unchecked((uint)(MigrationLock.Key >> 32))} and l.objid::bigint = {unchecked((uint)MigrationLock.Key)}
        """);

    // A pooler's idle connections keep the name of the CLI that used them last, so the name alone proves nothing. A session that
    // writes to "systems" is about to commit an alteration, and its commit may wait for a synchronous standby.
    private const string Orphans = $"""
        select {Columns} from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.pid <> pg_backend_pid() and starts_with(a.application_name, $1)
            and (exists (select from pg_catalog.pg_stat_progress_create_index p where p.pid = a.pid)
              or exists (select from pg_catalog.pg_locks l where l.pid = a.pid and l.locktype = 'relation'
                and (l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                  or (l.mode = 'RowExclusiveLock' and l.relation = to_regclass('systems')))))
          order by a.pid
        """;

    private const string Blockers = $"""
        select {Columns} from pg_catalog.pg_stat_activity a
          where a.pid in (select unnest(pg_blocking_pids(c.pid)) from pg_catalog.pg_stat_activity c
            where c.datname = current_database() and c.application_name = $1)
            and a.application_name is distinct from $1
          order by a.pid
        """;

    private const string Terminate = """
        select count(pg_terminate_backend(a.pid)) from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.pid <> pg_backend_pid() and a.application_name = $1
        """;

    private const string Activity = """
        select coalesce(max(case when a.state = 'idle' then 1 else 2 end), 0) from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.application_name = $1
        """;

    /// <returns>Null when the lock is free, or was freed just now.</returns>
    public static async Task<ServerSession?> FindLockHolderAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await ReadAsync(connection, LockHolder, null, cancellationToken) is [var holder, ..] ? holder : null;

    /// <summary>Sessions of a CLI whose gate is gone, and which still work.</summary>
    public static Task<IReadOnlyList<ServerSession>> FindOrphansAsync(NpgsqlConnection connection, string namePrefix, CancellationToken cancellationToken) =>
        ReadAsync(connection, Orphans, namePrefix, cancellationToken);

    /// <summary>Sessions that our CLI waits for.</summary>
    public static Task<IReadOnlyList<ServerSession>> FindBlockersAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        ReadAsync(connection, Blockers, name, cancellationToken);

    /// <summary>What the busiest session of this name does.</summary>
    public static async Task<SessionActivity> ReadActivityAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Activity, connection) { Parameters = { new() { Value = name } } };
        return (SessionActivity)(int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Ends the sessions of this run's CLI.</summary>
    /// <returns>How many there were; 0 means that all are gone.</returns>
    public static async Task<long> TerminateAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Terminate, connection) { Parameters = { new() { Value = name } } };
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<IReadOnlyList<ServerSession>> ReadAsync(NpgsqlConnection connection, string query, string? name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(query, connection);
        if (name is not null)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = name });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var sessions = new List<ServerSession>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sessions.Add(new ServerSession(
                reader.GetInt32(0), await reader.IsDBNullAsync(1, cancellationToken) ? null : reader.GetString(1),
                reader.GetString(2), reader.GetString(3), reader.GetDouble(4), SqlText.WithoutLiterals(reader.GetString(5))));
        }

        return sessions;
    }
}
