using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A throw-away copy of the real database, which is only read.</summary>
internal sealed class DatabaseCopy(GateOptions options, string sessionName, DirectServer source, ScratchCopies copies, ILogger logger)
{
    /// <summary>Older alterations look for roles, resources and scopes, and fail where there are none: so small tables keep their rows.</summary>
    private const long LargestSmallTable = 1024 * 1024;

    /// <summary>Makes it.</summary>
    /// <param name="scratch">Where.</param>
    /// <param name="rights">Those of the user there.</param>
    /// <param name="programs">The newest tools.</param>
    /// <param name="tables">Those of the real database.</param>
    /// <param name="backup">A backup of this moment, which saves dumping all rows; null: there is none.</param>
    /// <param name="mode">With which rows.</param>
    /// <param name="made">Is told its name before anything is in it.</param>
    /// <param name="held">Ends it.</param>
    /// <returns>The rights that the dump grants, which the copy does not have yet.</returns>
    /// <exception cref="PostgresToolException">It cannot be made.</exception>
    public async Task<IReadOnlyList<string>> MakeAsync(
        ScratchServer scratch, ClusterRights rights, PostgresPrograms programs, IReadOnlyList<TableSize> tables, string? backup, RehearsalMode mode, Action<string> made, CancellationToken held)
    {
        if (backup is not null && mode == RehearsalMode.Full)
        {
            return await FillAsync(new Archive(scratch.Server.Options, programs, new PostgresTool(scratch.Server.Options, logger), backup), null);
        }

        using var definitions = new MemoryFile("definitions");
        await using var snapshot = await ExportedSnapshot.TakeAsync(source.Database, held);
        var tools = new CopyTools(source.Options, programs, new PostgresTool(source.Options, logger), sessionName, options.LockTimeout);
        await WatchAsync(tools.DumpAsync(snapshot.Id, mode == RehearsalMode.Full ? null : WithoutRows(tables), definitions, held), tools);
        if (mode != RehearsalMode.Full)
        {
            await snapshot.DisposeAsync(); // it holds back VACUUM
        }

        return await FillAsync(
            new Archive(scratch.Server.Options, programs, new PostgresTool(scratch.Server.Options, logger), definitions.Path),
            mode == RehearsalMode.Full ? CopyRowsAsync : null);

        async Task CopyRowsAsync(string name)
        {
            await WatchAsync(tools.CopyRowsAsync(snapshot.Id, scratch.Server.Options, name, rights.ServerVersion, held), tools);
            await snapshot.DisposeAsync();
        }

        async Task<IReadOnlyList<string>> FillAsync(Archive archive, Func<string, Task>? copyRows)
        {
            var contents = await archive.ReadContentsAsync(held);
            var plan = await ScratchCopies.PlanAsync(archive, contents, rights, held);
            var name = await copies.CreateAsync(scratch, archive, plan, contents, rights, held);
            made(name);
            var entries = plan.Entries.Where(entry => !entry.Is("SUBSCRIPTION ")).ToArray(); // it would use the slot of the real one, and could not be dropped
            if (copyRows is null)
            {
                await copies.FillAsync(archive, name, entries, rights, section: null, held);
            }
            else
            {
                await copies.FillAsync(archive, name, entries, rights, "pre-data", held);
                await copyRows(name);
                await copies.FillAsync(archive, name, entries, rights, "post-data", held);
            }

            return await archive.ReadStatementsAsync(plan.Grants, [], held);
        }
    }

    /// <summary>The large tables, and those that lead to one of them: their foreign keys would find no rows.</summary>
    /// <returns>Their names with their schemas.</returns>
    public static IReadOnlyList<string> WithoutRows(IReadOnlyList<TableSize> tables)
    {
        var without = tables.Where(table => table.Bytes > LargestSmallTable).Select(table => table.QualifiedName).ToHashSet(StringComparer.Ordinal);
        while (tables.FirstOrDefault(table => !without.Contains(table.QualifiedName) && table.References.Any(without.Contains)) is { } next)
        {
            without.Add(next.QualifiedName);
        }

        return [.. tables.Select(table => table.QualifiedName).Where(without.Contains)];
    }

    /// <summary>Says now and then how far it is, and whom it waits for.</summary>
    private async Task WatchAsync(Task copying, CopyTools tools)
    {
        await using var watch = new SessionWatch(source.Database, sessionName, options.Timings.Lease, logger);
        var pace = new ReportPace();
        while (await Task.WhenAny(copying, Task.Delay(SessionWatch.Interval, CancellationToken.None)) != copying)
        {
            await watch.ReportWaitsAsync();
            if (pace.Due() is { } elapsed)
            {
                logger.StillCopying(tools.Bytes / 1048576.0, elapsed.TotalSeconds);
            }
        }

        try
        {
            await copying;
        }
        catch (PostgresToolException failure) when (failure.Message.Contains("due to statement timeout", StringComparison.Ordinal))
        {
            // pg_dump --lock-wait-timeout is a statement_timeout of its own.
            throw new PostgresToolException($"pg_dump waited {options.LockTimeout.TotalSeconds:0} s (LOGTO_INIT_LOCK_TIMEOUT_SECONDS) for {watch.WaitsFor ?? "a lock"}; end that session, and start again", failure);
        }
    }
}
