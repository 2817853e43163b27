using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Removes indexes that an interrupted run left behind. It removes only indexes that the alteration's script creates.</summary>
/// <param name="sessionName">
/// The <c>application_name</c> of the session that drops an index. If this run is killed, a later run finds the session by it and waits.
/// </param>
internal sealed class LeftOverIndexes(ProgramSettings settings, string sessionName, LogtoDatabase database, ILogger logger)
{
    /// <summary>Removes the indexes before a deploy or a rollback.</summary>
    /// <param name="alteration">The first alteration to deploy or to revert. All before it are complete.</param>
    /// <param name="indexes">
    /// The indexes that the alteration builds outside its transaction; null when the program cannot read the script
    /// (<see cref="ConcurrentIndex.FindIn"/>).
    /// </param>
    /// <param name="behindPooler">Whether the connection goes through a pooler.</param>
    /// <returns>A clause with its remedy for each index that remains and would stop the alteration.</returns>
    public async Task<IReadOnlyList<string>> RemoveAsync(
        Alteration alteration, IReadOnlyList<ConcurrentIndex>? indexes, bool behindPooler, MigrationLock migrationLock,
        CancellationToken cancellationToken)
    {
        if (indexes is null)
        {
            logger.UnclearScript(alteration.FileName);
        }

        if (indexes is null or [])
        {
            return [];
        }

        return await database.WithConnectionAsync(
            async (connection, token) =>
            {
                var kept = new List<string>();
                foreach (var leftOver in (await ConcurrentIndexQuery.FindAsync(connection, indexes, token)).Where(each => each.IsInTheWay))
                {
                    if (WhyKept(leftOver, alteration) is { } reason)
                    {
                        kept.Add(reason);
                    }
                    else
                    {
                        kept.AddRange(await DropAsync(connection, leftOver, behindPooler, migrationLock, token));
                    }
                }

                return kept;
            },
            cancellationToken);
    }

    /// <summary>
    /// Removes the indexes after a deploy or a rollback that failed or was stopped. It has little time and reports no failure, because the
    /// next run does the same.
    /// </summary>
    public async Task RemoveAfterFailureAsync(
        Alteration alteration, IReadOnlyList<ConcurrentIndex>? indexes, bool behindPooler, MigrationLock migrationLock)
    {
        using var brief = CancellationTokenSource.CreateLinkedTokenSource(migrationLock.Lost);
        brief.CancelAfter(Timings.CleanUpStep);
        try
        {
            await RemoveAsync(alteration, indexes, behindPooler, migrationLock, brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception postponed) when (postponed is OperationCanceledException or DatabaseException)
        {
            // The next run repairs before it deploys.
        }
    }

    /// <summary>Drops one index.</summary>
    /// <returns>Empty when it is gone; otherwise one clause: why the server refused, and the SQL that drops it.</returns>
    private async Task<IReadOnlyList<string>> DropAsync(
        NpgsqlConnection connection, PresentIndex leftOver, bool behindPooler, MigrationLock migrationLock,
        CancellationToken cancellationToken)
    {
        var (name, kind) = (leftOver.Index.Name, leftOver.IsValid ? "complete" : "invalid");
        logger.DroppingIndex(name, leftOver.Table, kind);
        try
        {
            if (!behindPooler)
            {
                await PrepareSessionAsync(connection, sessionName, cancellationToken);
            }

            await using var watch = new SessionWatch(database, sessionName, settings.Timings.Lease, logger);
            var drop = ExecuteDropAsync(connection, leftOver, cancellationToken);
            while (await Task.WhenAny(drop, Task.Delay(SessionWatch.Interval, CancellationToken.None)) != drop)
            {
                await watch.LookAsync(migrationLock);
            }

            await drop;
            logger.IndexDropped(name, leftOver.Table, kind);
            return [];
        }
        catch (PostgresException refusal)
            when (refusal.SqlState == PostgresErrorCodes.LockNotAvailable || ServerAnswer.Judge(refusal).Failure != DatabaseFailure.NotYet)
        {
            return [$"the {kind} index '{name}' of an interrupted run could not be dropped: {refusal.MessageText}; run " +
                $"`{leftOver.Removal}`"];
        }
    }

    private string? WhyKept(PresentIndex leftOver, Alteration alteration)
    {
        var (name, table) = (leftOver.Index.Name, leftOver.Table);
        return leftOver.IsBeingBuilt ? $"the index '{name}' that {alteration.FileName} creates is being built by another session just " +
            $"now; wait for it and start again"
            : table != leftOver.Index.Table ? $"the index '{name}' that {alteration.FileName} creates exists on another table, " +
                $"'{table}'; rename it with `alter index \"{name}\" rename to …` when it is yours"
            : !settings.Repair ? $"an interrupted run left the {(leftOver.IsValid ? "complete" : "invalid")} index '{name}' behind, " +
                $"which {alteration.FileName} creates, and LOGTO_INIT_REPAIR=false keeps it; run `{leftOver.Removal}`"
            : null;
    }

    /// <summary>
    /// Prepares a session for a drop: gives it a name and removes its time-outs. It must not be behind a pooler, where the settings would
    /// stay on a connection that other clients use.
    /// </summary>
    private static async Task PrepareSessionAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        await using var settings = new NpgsqlCommand(
            """
            select set_config('application_name', $1, false),
              set_config('client_connection_check_interval', '2s', false),
              (select count(set_config(name, '0', false))
                from pg_catalog.pg_settings
                where name in ('lock_timeout', 'statement_timeout', 'transaction_timeout'))
            """,
            connection)
        {
            Parameters = { new() { Value = name } },
        };
        await settings.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Drops an index without blocking reads and writes of its table. An index that is already gone is no error.</summary>
    /// <exception cref="PostgresException">The server refused.</exception>
    private static async Task ExecuteDropAsync(NpgsqlConnection connection, PresentIndex leftOver, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(leftOver.Removal, connection) { CommandTimeout = 0 };
        try
        {
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException gone) when (gone.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            // The drop of an earlier, killed run was still active and has finished now.
        }
    }
}
