using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The copied part of the real database, as it was before the rehearsal.</summary>
/// <param name="Scope">The left-out part.</param>
/// <param name="Tables">The copied tables, the largest first.</param>
/// <param name="Objects">The copied objects.</param>
/// <param name="SearchPath">The <c>search_path</c> of Logto's sessions.</param>
internal sealed record SourceSchema(
    CopyScope Scope, IReadOnlyList<TableSize> Tables, IReadOnlyList<SchemaObject> Objects, string SearchPath);

/// <summary>Creates temporary copies of the real database. It only reads the real database.</summary>
internal sealed class DatabaseCopy(
    ProgramSettings settings,
    string sessionName,
    LogtoDatabase database,
    DirectServer source,
    ScratchCopies copies,
    WatchedInspection watched,
    ILogger logger)
{
    /// <summary>
    /// The largest table that is copied with its rows, in bytes. Reason for copying rows: older alterations fail without roles, resources
    /// and scopes.
    /// </summary>
    private const long LargestSmallTable = 1024 * 1024;

    /// <summary>Examines the server before a copy (<see cref="DirectServer.ExamineAsync"/>).</summary>
    /// <param name="schema">Logto's schema.</param>
    public async Task<(ServerIdentity Identity, string? Problem)> ExamineSourceAsync(string schema, CancellationToken whileLocked)
    {
        var scope = await source.Database.WithWorkConnectionAsync(
            (connection, token) => CopyScope.ReadAsync(connection, schema, token), whileLocked);
        return await source.ExamineAsync(database, scope.LeavesOut, whileLocked);
    }

    /// <summary>Reads the real database's tables and objects. It waits while another session has locked a table.</summary>
    public async Task<SourceSchema> ReadSourceAsync(string schema, CancellationToken whileLocked)
    {
        var (scope, (tables, objects, searchPath)) = await source.Database.WithWorkConnectionAsync(
            async (connection, token) => (
                await CopyScope.ReadAsync(connection, schema, token),
                await watched.WatchAsync(SchemaObjects.ReadWithSizesAsync(connection, schema, token))),
            whileLocked);
        return new SourceSchema(
            scope,
            [.. tables.Where(table => !scope.LeavesOut(table.QualifiedName))],
            [.. objects.Where(each => !scope.LeavesOut(each.Table ?? each.Name))],
            searchPath);
    }

    /// <summary>Creates the copy of a rehearsal.</summary>
    /// <param name="made">Receives the copy's name while the copy is still empty, so that the caller can drop it.</param>
    /// <returns>The statements that grant the rights of the real database, which the copy does not have yet.</returns>
    /// <exception cref="PostgresToolException">The copy cannot be created.</exception>
    public async Task<IReadOnlyList<string>> MakeAsync(
        RehearsalPlan plan, ScratchTools tools, SourceSchema real, Action<string> made, CancellationToken whileLocked)
    {
        var isFull = plan.Mode == RehearsalMode.Full;
        if (plan.Backup is { } backup && isFull)
        {
            // The backup has all rows already, so no dump is necessary.
            return await FillAsync(tools, ArchiveAt(tools, backup), real.Scope, made, [null], _ => Task.CompletedTask, whileLocked);
        }

        using var definitions = new MemoryFile("definitions");
        await using var snapshot = await ExportedSnapshot.TakeAsync(source.Database, whileLocked);
        var tool = new PostgresTool(source.Target, logger);
        var copying = new CopyTools(source.Target, tools.Programs, tool, sessionName, settings.LockTimeout, real.Scope.Schemas);
        IReadOnlyList<string>? withoutRows = isFull ? null : [.. WithoutRows(real.Tables), .. real.Scope.Tables];
        await WatchAsync(copying.DumpAsync(snapshot.Id, withoutRows, definitions, whileLocked), copying);
        if (!isFull)
        {
            await snapshot.DisposeAsync(); // an open snapshot stops VACUUM from removing rows
        }

        return await FillAsync(
            tools, ArchiveAt(tools, definitions.Path), real.Scope, made, isFull ? ["pre-data", "post-data"] : [null],
            isFull ? CopyRowsAsync : _ => Task.CompletedTask, whileLocked);

        async Task CopyRowsAsync(string name)
        {
            var rows = copying.CopyRowsAsync(
                snapshot.Id, real.Scope.Tables, tools.Server.Target, name, tools.Rights.ServerVersion, whileLocked);
            await WatchAsync(rows, copying);
            await snapshot.DisposeAsync();
        }
    }

    /// <summary>Creates a copy of a backup without rows.</summary>
    /// <param name="backup">The path of the backup.</param>
    /// <param name="made">Receives the copy's name while the copy is still empty, so that the caller can drop it.</param>
    /// <returns>The statements that grant the rights of the backup.</returns>
    /// <exception cref="PostgresToolException">The copy cannot be created.</exception>
    public Task<IReadOnlyList<string>> MakeEmptyAsync(
        ScratchTools tools, string backup, CopyScope scope, Action<string> made, CancellationToken whileLocked) =>
        FillAsync(tools, ArchiveAt(tools, backup), scope, made, ["pre-data", "post-data"], _ => Task.CompletedTask, whileLocked);

    /// <summary>Gives the copy roles, rights and statistics like those of the real database, and starts the trace.</summary>
    /// <param name="database">The name of the real database.</param>
    /// <param name="grants">The result of <see cref="MakeAsync"/>.</param>
    public static async Task PrepareAsync(
        LogtoDatabase copy, string database, RehearsalPlan plan, IReadOnlyList<string> grants, CancellationToken whileLocked)
    {
        // No logger, because rights of other roles on the copy are not important to the operator.
        await using var restored = await RestoredDatabase.OpenAsync(copy, NullLogger.Instance, whileLocked);
        await GiveRightsAsync(new CopiedRoles(database, copy.Target.Database), restored, plan.Roles, grants, whileLocked);
        await restored.AnalyzeAsync(whileLocked);
        await AlterationTrace.InstallAsync(restored.Connection, plan.Job.Database.Schema!, whileLocked);
    }

    /// <summary>Gives a copy its own roles, and grants them the rights.</summary>
    /// <param name="copied">The names of the copy's roles.</param>
    /// <param name="roles">Logto's existing roles of the real database.</param>
    /// <param name="grants">The result of <see cref="MakeAsync"/>.</param>
    public static async Task GiveRightsAsync(
        CopiedRoles copied, RestoredDatabase restored, IReadOnlyList<string> roles, IReadOnlyList<string> grants,
        CancellationToken whileLocked)
    {
        await copied.MakeAsync(restored.Connection, roles, whileLocked);
        var renamed = grants.Select(grant => RestorePlan.RenameRoles(grant, copied.NameFor));
        await restored.GrantAsync(renamed, _ => false, RestorePlan.RolesIn, whileLocked);
    }

    /// <summary>
    /// Returns the tables to copy without rows: large ones, and those with a foreign key to one, which would find no rows.
    /// </summary>
    /// <returns>Qualified names.</returns>
    public static IReadOnlyList<string> WithoutRows(IReadOnlyList<TableSize> tables)
    {
        var without = tables
            .Where(table => table.Bytes > LargestSmallTable && !CopyStart.NeedsRowsOf(table.Name))
            .Select(table => table.QualifiedName)
            .ToHashSet(StringComparer.Ordinal);
        while (tables.FirstOrDefault(table => !without.Contains(table.QualifiedName) && table.References.Any(without.Contains)) is { } next)
        {
            without.Add(next.QualifiedName);
        }

        return [.. tables.Select(table => table.QualifiedName).Where(without.Contains)];
    }

    private Archive ArchiveAt(ScratchTools tools, string path) =>
        new(tools.Server.Target, tools.Programs, new PostgresTool(tools.Server.Target, logger), path);

    /// <summary>Creates a database and restores an archive into it.</summary>
    /// <param name="sections">The sections to restore, in order (<see cref="Archive.RestoreAsync"/>).</param>
    /// <param name="afterFirst">Called after the first section.</param>
    private async Task<IReadOnlyList<string>> FillAsync(
        ScratchTools tools,
        Archive archive,
        CopyScope scope,
        Action<string> made,
        string?[] sections,
        Func<string, Task> afterFirst,
        CancellationToken whileLocked)
    {
        var all = await archive.ReadContentsAsync(whileLocked);
        var contents = all with { Entries = [.. all.Entries.Where(entry => !scope.LeavesOut(entry))] };
        var plan = await ScratchCopies.PlanAsync(archive, contents, tools.Rights, whileLocked);
        var name = await copies.CreateAsync(tools.Server, archive, plan, contents, tools.Rights, whileLocked);
        made(name);

        // A subscription of the copy would use the replication slot of the real database, and the copy could not be dropped.
        var entries = plan.Entries.Where(entry => !entry.Is("SUBSCRIPTION ")).ToArray();
        foreach (var (index, section) in sections.Index())
        {
            await copies.FillAsync(archive, name, entries, tools.Rights, section, whileLocked);
            if (index == 0)
            {
                await afterFirst(name);
            }
        }

        return await archive.ReadStatementsAsync(plan.Grants, [], whileLocked);
    }

    private Task WatchAsync(Task copying, CopyTools tools) => WatchedDump.WatchAsync(
        copying, source.Database, sessionName, settings, seconds => logger.StillCopying(tools.Bytes / 1048576.0, seconds), logger);
}
