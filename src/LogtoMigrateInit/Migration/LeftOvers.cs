using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>Removes indexes that an interrupted run left behind, where the script says plainly that they are its own.</summary>
internal sealed class LeftOvers(GateOptions options, LogtoDatabase database, ILogger<LeftOvers> logger)
{
    /// <summary>Before a deploy.</summary>
    /// <param name="alteration">The first pending one; all earlier ones are complete.</param>
    /// <param name="script">Its text.</param>
    /// <param name="behindPooler">A pooler answers for the server.</param>
    /// <param name="cancellationToken">Ends the wait for a drop.</param>
    /// <returns>What is in the way and stays there, each a clause with its remedy; empty when the way is free.</returns>
    public async Task<IReadOnlyList<string>> RemoveAsync(Alteration alteration, string script, bool behindPooler, CancellationToken cancellationToken)
    {
        var indexes = ConcurrentIndex.FindIn(script);
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
                        await IndexRepair.DropAsync(connection, leftOver, behindPooler, token);
                        logger.IndexDropped(leftOver.Index.Name, leftOver.Table, leftOver.IsValid ? "complete" : "invalid");
                    }
                }

                return kept;
            },
            cancellationToken);
    }

    /// <summary>After a deploy that failed or was stopped: a help to the next run, which would do the same, so it must not fail and has little time.</summary>
    public async Task RemoveAfterFailureAsync(Alteration alteration, string script, bool behindPooler)
    {
        using var brief = new CancellationTokenSource(SupervisedCli.CleanUpTime);
        try
        {
            await RemoveAsync(alteration, script, behindPooler, brief.Token);
        }
        catch (Exception postponed) when (postponed is OperationCanceledException or DatabaseException)
        {
            // The next run repairs before it deploys.
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
