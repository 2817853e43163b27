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
            return await FillAsync(scratch, rights, new Archive(scratch.Server.Options, programs, new PostgresTool(scratch.Server.Options, logger), backup), made, [null], _ => Task.CompletedTask, held);
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
            scratch, rights, new Archive(scratch.Server.Options, programs, new PostgresTool(scratch.Server.Options, logger), definitions.Path), made,
            mode == RehearsalMode.Full ? ["pre-data", "post-data"] : [null],
            mode == RehearsalMode.Full ? CopyRowsAsync : _ => Task.CompletedTask, held);

        async Task CopyRowsAsync(string name)
        {
            await WatchAsync(tools.CopyRowsAsync(snapshot.Id, scratch.Server.Options, name, rights.ServerVersion, held), tools);
            await snapshot.DisposeAsync();
        }
    }

    /// <summary>The same without any row, of a backup.</summary>
    /// <param name="scratch">Where.</param>
    /// <param name="rights">Those of the user there.</param>
    /// <param name="programs">The newest tools.</param>
    /// <param name="backup">Which.</param>
    /// <param name="made">Is told its name before anything is in it.</param>
    /// <param name="held">Ends it.</param>
    /// <returns>See <see cref="MakeAsync"/>.</returns>
    /// <exception cref="PostgresToolException">It cannot be made.</exception>
    public async Task<IReadOnlyList<string>> MakeEmptyAsync(ScratchServer scratch, ClusterRights rights, PostgresPrograms programs, string backup, Action<string> made, CancellationToken held) =>
        await FillAsync(scratch, rights, new Archive(scratch.Server.Options, programs, new PostgresTool(scratch.Server.Options, logger), backup), made, ["pre-data", "post-data"], _ => Task.CompletedTask, held);

    /// <summary>Gives a copy what belongs to the cluster: roles and rights under names of its own.</summary>
    /// <param name="copied">The names.</param>
    /// <param name="restored">The copy.</param>
    /// <param name="roles">Logto's roles for the real database that exist.</param>
    /// <param name="grants">What <see cref="MakeAsync"/> returned.</param>
    /// <param name="held">Ends it.</param>
    public static async Task GiveRightsAsync(CopiedRoles copied, RestoredDatabase restored, IReadOnlyList<string> roles, IReadOnlyList<string> grants, CancellationToken held)
    {
        await copied.MakeAsync(restored.Connection, roles, held);
        await restored.GrantAsync(grants.Select(grant => RestorePlan.RenameRoles(grant, copied.NameFor)), _ => false, RestorePlan.RolesIn, held);
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

    /// <param name="scratch">Where.</param>
    /// <param name="rights">Those of the user there.</param>
    /// <param name="archive">What is restored.</param>
    /// <param name="made">Is told the name of the database.</param>
    /// <param name="sections">See <see cref="Archive.RestoreAsync"/>; each of them.</param>
    /// <param name="afterFirst">What is done when the first is there.</param>
    /// <param name="held">Ends it.</param>
    private async Task<IReadOnlyList<string>> FillAsync(
        ScratchServer scratch, ClusterRights rights, Archive archive, Action<string> made, string?[] sections, Func<string, Task> afterFirst, CancellationToken held)
    {
        var contents = await archive.ReadContentsAsync(held);
        var plan = await ScratchCopies.PlanAsync(archive, contents, rights, held);
        var name = await copies.CreateAsync(scratch, archive, plan, contents, rights, held);
        made(name);
        var entries = plan.Entries.Where(entry => !entry.Is("SUBSCRIPTION ")).ToArray(); // it would use the slot of the real one, and could not be dropped
        foreach (var (index, section) in sections.Index())
        {
            await copies.FillAsync(archive, name, entries, rights, section, held);
            if (index == 0)
            {
                await afterFirst(name);
            }
        }

        return await archive.ReadStatementsAsync(plan.Grants, [], held);
    }

    private Task WatchAsync(Task copying, CopyTools tools) =>
        WatchedDump.WatchAsync(copying, source.Database, sessionName, options, seconds => logger.StillCopying(tools.Bytes / 1048576.0, seconds), logger);
}
