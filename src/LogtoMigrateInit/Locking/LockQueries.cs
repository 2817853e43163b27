using System.Globalization;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>Queries of the migration lock's state.</summary>
internal static class LockQueries
{
    /// <summary>The time-out of a poll's query, in seconds.</summary>
    internal const int PollSeconds = 5;

    // A shared lock, so that polls of waiting replicas do not block each other. The server releases it after the statement. The query
    // touches one lock; a query of pg_locks would stop the server's whole lock table.
    private static readonly string IsTaken = string.Create(
        CultureInfo.InvariantCulture, $"select not pg_try_advisory_xact_lock_shared({MigrationLock.Key})");

    /// <summary>The condition that a row <c>l</c> of <c>pg_locks</c> is the migration lock, granted.</summary>
    // pg_locks shows a bigint key as two halves and objsubid 1 (https://www.postgresql.org/docs/current/view-pg-locks.html).
    internal static readonly string IsHeldLock = string.Create(CultureInfo.InvariantCulture, $"""
        l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.mode = 'ExclusiveLock'
          and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
          and l.classid::bigint = {unchecked((uint)(MigrationLock.Key >> 32))} and l.objid::bigint = {unchecked((uint)MigrationLock.Key)}
        """);

    private static readonly string Holder = $"select {SessionQueries.Columns} from pg_catalog.pg_locks l join " +
        $"pg_catalog.pg_stat_activity a using (pid) where {IsHeldLock}";

    // True also behind a pooler, where the pid of the login differs from that of the session and the holder cannot be found.
    private static readonly string IsHeldBy = $"select pg_backend_pid() <> $2 or exists (select from pg_catalog.pg_locks l where l.pid " +
        $"= $1 and {IsHeldLock})";

    public static async Task<bool> IsTakenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsTaken, connection) { CommandTimeout = PollSeconds };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Whether the server is a standby. A standby would also grant the lock.</summary>
    public static async Task<bool> IsInRecoveryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_catalog.pg_is_in_recovery()", connection) { CommandTimeout = PollSeconds };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Whether the session of this server process holds the lock. True also behind a pooler, where this cannot be found out.
    /// </summary>
    public static async Task<bool> IsHeldByAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsHeldBy, connection)
        {
            Parameters = { new() { Value = pid }, new() { Value = connection.ProcessID } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <returns>Null when the lock is free, or when the holder's session cannot be seen.</returns>
    public static async Task<ServerSession?> FindHolderAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await SessionQueries.ReadAsync(connection, Holder, null, cancellationToken) is [var holder, ..] ? holder : null;
}
