using System.Globalization;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>What those ask who wait for the lock.</summary>
internal static class LockQueries
{
    /// <summary>How long a poll waits for its answer, in seconds.</summary>
    internal const int PollSeconds = 5;

    // Shared, so that waiters do not get in each other's way; given back with the statement. It touches one lock, where a look into
    // pg_locks stops the server's whole lock table.
    private static readonly string IsTaken = string.Create(
        CultureInfo.InvariantCulture, $"select not pg_try_advisory_xact_lock_shared({MigrationLock.Key})");

    /// <summary>A condition on a row <c>l</c> of <c>pg_locks</c>: it is the migration lock, held.</summary>
    // A bigint key shows as two halves and objsubid 1 (https://www.postgresql.org/docs/current/view-pg-locks.html).
    internal static readonly string IsHeldLock = string.Create(CultureInfo.InvariantCulture, $"""
        l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.mode = 'ExclusiveLock'
          and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
          and l.classid::bigint = {unchecked((uint)(MigrationLock.Key >> 32))} and l.objid::bigint = {unchecked((uint)MigrationLock.Key)}
        """);

    private static readonly string Holder = $"select {SessionQueries.Columns} from pg_catalog.pg_locks l join " +
        $"pg_catalog.pg_stat_activity a using (pid) where {IsHeldLock}";

    // Behind a pooler, which shows itself by another pid than the one that it gave us, nobody can tell.
    private static readonly string IsHeldBy = $"select pg_backend_pid() <> $2 or exists (select from pg_catalog.pg_locks l where l.pid " +
        $"= $1 and {IsHeldLock})";

    public static async Task<bool> IsTakenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsTaken, connection) { CommandTimeout = PollSeconds };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Whether the server is a standby, which would grant the lock too.</summary>
    public static async Task<bool> IsInRecoveryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_catalog.pg_is_in_recovery()", connection) { CommandTimeout = PollSeconds };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Whether the server knows the session with this pid as the holder; true also where a pooler hides it.</summary>
    public static async Task<bool> IsHeldByAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsHeldBy, connection)
        {
            Parameters = { new() { Value = pid }, new() { Value = connection.ProcessID } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <returns>Null when the lock is free, or was freed just now.</returns>
    public static async Task<ServerSession?> FindHolderAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await SessionQueries.ReadAsync(connection, Holder, null, cancellationToken) is [var holder, ..] ? holder : null;
}
