using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Removes indexes that an interrupted run left behind, where the script says plainly that they are its own.</summary>
/// <param name="settings">The configuration.</param>
/// <param name="sessionName">How the session that drops is called, so that a later run waits for it when this one is killed.</param>
/// <param name="database">Where they are.</param>
/// <param name="logger">Says what is dropped.</param>
internal sealed class LeftOverIndexes(ProgramSettings settings, string sessionName, LogtoDatabase database, ILogger logger)
{
    /// <summary>Before a deploy or a rollback.</summary>
    /// <param name="alteration">The first that is to be deployed or reverted; all before it are complete.</param>
    /// <param name="indexes">
    /// What it builds outside of its transaction; null when its script is not understood. See <see cref="ConcurrentIndex.FindIn"/>.
    /// </param>
    /// <param name="behindPooler">A pooler answers for the server.</param>
    /// <param name="migrationLock">Held.</param>
    /// <param name="cancellationToken">Ends the wait for a drop.</param>
    /// <returns>The indexes that stay and would stop the alteration, each as a clause with its remedy; empty when there are none.</returns>
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
    /// After a deploy or rollback that failed or was stopped: a help to the next run, which would do the same, so it must not fail and has
    /// little time.
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

    /// <returns>Why it is still there, with its remedy; empty when it is gone.</returns>
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
    /// Prepares a session of ours for a drop; not through a pooler, where settings stay behind on a connection that others use.
    /// </summary>
    /// <param name="connection">The session.</param>
    /// <param name="name">What to call it, so that a later run waits for it when this one is killed.</param>
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

    /// <summary>Drops one; the table stays open for reading and writing meanwhile, and what is gone already is as good.</summary>
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
            // A drop of an earlier, killed run was still at work and has finished.
        }
    }
}
