using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>Removes indexes that an interrupted run left behind, where the script says plainly that they are its own.</summary>
/// <param name="options">The gate's configuration.</param>
/// <param name="sessionName">How the session that drops is called, so that a later run waits for it when this one is killed.</param>
/// <param name="database">Where they are.</param>
/// <param name="logger">Says what is dropped.</param>
internal sealed class LeftOvers(GateOptions options, string sessionName, LogtoDatabase database, ILogger logger)
{
    /// <summary>Said once a run: <c>check --wait</c> looks again and again.</summary>
    private Alteration? _looked;

    /// <summary>Before a deploy or a rollback.</summary>
    /// <param name="alteration">The first that is to be deployed or reverted; all before it are complete.</param>
    /// <param name="indexes">What it builds outside of its transaction; null when its script is not understood. See <see cref="ConcurrentIndex.FindIn"/>.</param>
    /// <param name="behindPooler">A pooler answers for the server.</param>
    /// <param name="migrationLock">Held.</param>
    /// <param name="cancellationToken">Ends the wait for a drop.</param>
    /// <returns>What is in the way and stays there, each a clause with its remedy; empty when the way is free.</returns>
    public async Task<IReadOnlyList<string>> RemoveAsync(Alteration alteration, IReadOnlyList<ConcurrentIndex>? indexes, bool behindPooler, MigrationLock migrationLock, CancellationToken cancellationToken)
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
                foreach (var leftOver in (await IndexRepair.FindAsync(connection, indexes, token)).Where(each => each.IsInTheWay))
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

    /// <summary>Names what the last alteration that is deployed builds outside of its transaction and is not there: a rollback that was interrupted has dropped it.</summary>
    /// <param name="connection">Any.</param>
    /// <param name="catalog">What the target ships.</param>
    /// <param name="state">What is deployed of it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WarnOfMissingAsync(NpgsqlConnection connection, AlterationCatalog catalog, AlterationState state, CancellationToken cancellationToken)
    {
        if (catalog.LastAt(state) is { } last && last != _looked && catalog.IndexesOf(last) is [_, ..] indexes)
        {
            _looked = last;
            var present = await IndexRepair.FindAsync(connection, indexes, cancellationToken);
            var missing = indexes.Where(index => present.All(each => each.Index != index)).Select(index => $"{index.Name} on {index.Table}").ToArray();
            if (missing.Length > 0)
            {
                logger.MissingIndexes(last.FileName, string.Join(", ", missing));
            }
        }
    }

    /// <summary>After a deploy or rollback that failed or was stopped: a help to the next run, which would do the same, so it must not fail and has little time.</summary>
    public async Task RemoveAfterFailureAsync(Alteration alteration, IReadOnlyList<ConcurrentIndex>? indexes, bool behindPooler, MigrationLock migrationLock)
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
    private async Task<IReadOnlyList<string>> DropAsync(NpgsqlConnection connection, LeftOverIndex leftOver, bool behindPooler, MigrationLock migrationLock, CancellationToken cancellationToken)
    {
        var (name, kind) = (leftOver.Index.Name, leftOver.IsValid ? "complete" : "invalid");
        logger.DroppingIndex(name, leftOver.Table, kind);
        try
        {
            if (!behindPooler)
            {
                await IndexRepair.PrepareSessionAsync(connection, sessionName, options.DdlLockTimeout, cancellationToken);
            }

            await using var watch = new SessionWatch(database, sessionName, options.Timings.Lease, logger);
            var drop = IndexRepair.DropAsync(connection, leftOver, cancellationToken);
            while (await Task.WhenAny(drop, Task.Delay(SessionWatch.Interval, CancellationToken.None)) != drop)
            {
                await watch.LookAsync(migrationLock);
            }

            await drop;
            logger.IndexDropped(name, leftOver.Table, kind);
            return [];
        }
        catch (PostgresException refusal) when (refusal.SqlState == PostgresErrorCodes.LockNotAvailable || ServerAnswer.Judge(refusal).Failure != DatabaseFailure.NotYet)
        {
            return [$"the {kind} index '{name}' of an interrupted run could not be dropped: {refusal.MessageText}; run `{leftOver.Removal}`"];
        }
    }

    private string? WhyKept(LeftOverIndex leftOver, Alteration alteration)
    {
        var (name, table) = (leftOver.Index.Name, leftOver.Table);
        return leftOver.IsBeingBuilt ? $"the index '{name}' that {alteration.FileName} creates is being built by another session just now; wait for it and start again"
            : table != leftOver.Index.Table ? $"the index '{name}' that {alteration.FileName} creates exists on another table, '{table}'; rename it with `alter index \"{name}\" rename to …` when it is yours"
            : !options.Repair ? $"an interrupted run left the {(leftOver.IsValid ? "complete" : "invalid")} index '{name}' behind, which {alteration.FileName} creates, and LOGTO_INIT_REPAIR=false keeps it; run `{leftOver.Removal}`"
            : null;
    }
}
