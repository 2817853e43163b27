using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>A cause of a wait that is not another session.</summary>
/// <param name="What">A phrase that describes the cause.</param>
/// <param name="Remedy">An imperative clause: what ends the wait.</param>
internal sealed record SessionlessWait(string What, string Remedy);

/// <summary>
/// Finds waits whose cause <c>pg_blocking_pids</c> cannot show. A prepared transaction has no process, so it returns 0. A commit that waits
/// for a synchronous standby waits for no lock.
/// </summary>
internal static class WaitQueries
{
    // A prepared transaction also holds the lock on its own transaction id, and all its locks have the same virtual transaction. The first
    // condition lets servers without prepared transactions skip the rest.
    private const string PreparedTransactions = """
        select distinct x.gid::text, x.owner::text
          from pg_catalog.pg_stat_activity a
          join pg_catalog.pg_locks w on w.pid = a.pid and not w.granted
          join pg_catalog.pg_locks h on h.pid is null and h.granted and h.locktype = w.locktype
            and h.database is not distinct from w.database and h.relation is not distinct from w.relation
            and h.transactionid is not distinct from w.transactionid
          join pg_catalog.pg_locks t on t.pid is null and t.locktype = 'transactionid' and t.virtualtransaction = h.virtualtransaction
          join pg_catalog.pg_prepared_xacts x on x.transaction = t.transactionid
          where exists (select from pg_catalog.pg_prepared_xacts)
            and a.datname = current_database() and a.application_name = $1 and 0 = any (pg_blocking_pids(a.pid))
          order by 1
        """;

    private const string SynchronousStandby = """
        select current_setting('synchronous_standby_names') from pg_catalog.pg_stat_activity a
          where a.datname = current_database() and a.application_name = $1 and a.wait_event = 'SyncRep'
          limit 1
        """;

    /// <param name="connection">A connection that does not wait itself.</param>
    /// <param name="name">The <c>application_name</c> of the waiting sessions.</param>
    public static async Task<IReadOnlyList<SessionlessWait>> FindAsync(
        NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(PreparedTransactions) { Parameters = { new() { Value = name } } },
                new(SynchronousStandby) { Parameters = { new() { Value = name } } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var waits = new List<SessionlessWait>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var literal = $"'{reader.GetString(0).Replace("'", "''", StringComparison.Ordinal)}'";
            waits.Add(new SessionlessWait(
                $"a lock of the prepared transaction {literal} (user {reader.GetString(1)}), which outlives its session",
                $"whoever prepared it must end it, with `commit prepared {literal}` or `rollback prepared {literal}` in this database"));
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            waits.Add(new SessionlessWait(
                $"a synchronous standby to confirm its commit (synchronous_standby_names is '{reader.GetString(0)}', and too few of " +
                $"these are connected or answer)",
                "bring the standby back, or take it out of synchronous_standby_names and reload the server"));
        }

        return waits;
    }
}
