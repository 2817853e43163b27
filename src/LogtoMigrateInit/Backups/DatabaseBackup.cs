using System.Diagnostics;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// Makes one verified backup: check → take a snapshot → dump, unpack and count in parallel → read again → (restore and compare) → publish →
/// prune.
/// </summary>
internal sealed class DatabaseBackup(
    ProgramSettings settings,
    LogtoInstallation installation,
    string sessionName,
    LogtoDatabase database,
    DirectServer server,
    ScratchCopies scratch,
    ILogger logger)
{
    private bool WithRestore => settings.BackupVerify == BackupVerification.Restore;

    /// <param name="state">The state of the database; null when unreadable.</param>
    /// <param name="whileLocked">Canceled when the lock is lost, or by a signal. Then no file is left.</param>
    public async Task<BackupResult> MakeAsync(AlterationState? state, CancellationToken whileLocked) =>
        (await ExplainAsync(path => MakeAsync(path, state, whileLocked)))!;

    /// <summary>Checks whether a backup is possible, without making one.</summary>
    /// <returns>Null when no obstacle is known; otherwise a clause for the operator.</returns>
    public async Task<string?> WhyImpossibleAsync(CancellationToken stop)
    {
        var result = await ExplainAsync(
            async path => await PrepareAsync(path, stop) is { Problem: { } problem } ? new BackupResult.Failed(problem) : null);
        return (result as BackupResult.Failed)?.Reason;
    }

    /// <summary>Returns <see cref="BackupFolder.AtLevel"/>; null also when the folder cannot be read.</summary>
    public (string Path, BackupRecord Record)? FindAtLevel(BackupRecord latest, double level)
    {
        try
        {
            return new BackupFolder(settings.BackupDirectory!).AtLevel(latest, level);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null; // the backup only serves a comparison
        }
    }

    private async Task<BackupResult?> ExplainAsync(Func<string, Task<BackupResult?>> work)
    {
        if (settings.BackupDirectory is not { } path)
        {
            return new BackupResult.Failed("LOGTO_INIT_BACKUP_DIR is not set. Next: set it to a folder that outlives this container");
        }

        try
        {
            return await work(path);
        }
        catch (PostgresToolException failure)
        {
            return new BackupResult.Failed(failure.Message);
        }
        catch (Exception failure)
            when (failure is not (OperationCanceledException or IOException) && DatabaseException.From(failure) is { } refusal)
        {
            return new BackupResult.Failed($"{refusal.Message}. Next: {refusal.Remedy}");
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            return new BackupResult.Failed(
                $"{path} cannot be written: {unwritable.Message.TrimEnd('.')}. " +
                "Next: make room there, or set LOGTO_INIT_BACKUP_DIR to another folder");
        }
    }

    /// <summary>Checks the folder, the programs and the server.</summary>
    private async Task<(PostgresPrograms? Programs, ServerIdentity? Identity, string? Problem)> PrepareAsync(
        string path, CancellationToken whileLocked)
    {
        if (WhyUnusable(path) is { } unusable)
        {
            return (null, null, unusable);
        }

        var programs = await PostgresPrograms.FindAsync(settings.PostgresPrograms, whileLocked);
        var (identity, problem) = await server.ExamineAsync(database, leavesOut: null, whileLocked);
        programs.RequireFor(identity.ServerVersion);
        return (programs, identity, problem);
    }

    private async Task<BackupResult?> MakeAsync(string path, AlterationState? state, CancellationToken whileLocked)
    {
        var started = Stopwatch.GetTimestamp();
        var (programs, identity, problem) = await PrepareAsync(path, whileLocked);
        if (programs is null || identity is null || problem is not null)
        {
            return new BackupResult.Failed(problem!);
        }

        var folder = new BackupFolder(path);
        foreach (var leftOver in folder.RemovePartialFiles(settings.Main.Database))
        {
            logger.RemovedPartialBackup(leftOver);
        }

        logger.BackingUp(settings.Main.Database, identity.Bytes / 1048576.0, path, programs.Version);

        var partial = folder.CreatePartial(settings.Main.Database);
        try
        {
            var record = await DumpAsync(state, identity, programs, partial, whileLocked);
            if (await WhyBrokenAsync(path, record, programs, partial, whileLocked) is { } broken)
            {
                return new BackupResult.Failed(broken);
            }

            var leftOut = await FindLeftOutAsync(ArchiveIn(partial, programs), record, whileLocked);
            return Publish(folder, path, partial, record, started) with { LeftOut = leftOut };
        }
        finally
        {
            File.Delete(partial.Name); // a good dump has its final name by now
            await partial.DisposeAsync();
        }
    }

    /// <summary>Writes the dump, and returns its record.</summary>
    private async Task<BackupRecord> DumpAsync(
        AlterationState? state, ServerIdentity identity, PostgresPrograms programs, FileStream partial, CancellationToken whileLocked)
    {
        var dump = new Dump(server.Target, programs, new PostgresTool(server.Target, logger));
        await using var snapshot = await ExportedSnapshot.TakeAsync(server.Database, whileLocked);
        var before = await snapshot.ReadCatalogAsync(whileLocked);
        var (dumped, tables) = await DumpAsync(snapshot, dump, partial, whileLocked);
        var catalog = before.Confirm(await snapshot.ReadCatalogAsync(whileLocked));
        ReportUnknown(catalog);
        return new BackupRecord
        {
            File = BackupFolder.NameOf(settings.Main.Database, state, installation.Version, snapshot.TakenAt, dumped.Sha256),
            Bytes = dumped.Bytes,
            Sha256 = dumped.Sha256,
            Database = settings.Main.Database,
            Cluster = identity.Cluster,
            Server = $"{server.Target.Host}:{server.Target.Port}",
            State = state,
            Target = installation.Version,
            TakenAt = snapshot.TakenAt,
            ServerVersion = identity.ServerVersion,
            DumpedBy = programs.Version,
            Verified = WithRestore ? "restore" : "read",
            Tables = tables,
            Catalog = catalog,
        };
    }

    private void ReportUnknown(DatabaseCatalog catalog)
    {
        string[] unknown = [.. catalog.Objects.Where(each => each.Definition is null).Select(each => $"{each.Kind} {each.Name}")];
        if (unknown.Length > 0 && unknown.Length == catalog.Objects.Count)
        {
            logger.DefinitionsNotRead();
        }
        else if (unknown.Length > 0)
        {
            logger.ChangedWhileDumped(CatalogText.List(unknown));
        }
    }

    /// <summary>Dumps, and counts the rows in the same snapshot in parallel.</summary>
    private async Task<(DumpedFile Dumped, IReadOnlyList<TableContents> Tables)> DumpAsync(
        ExportedSnapshot snapshot, Dump dump, FileStream partial, CancellationToken whileLocked)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(whileLocked);
        var dumping = WatchAsync(dump.WriteAsync(snapshot.Id, sessionName, settings.LockTimeout, partial, ended.Token), dump);
        var counting = snapshot.CountAsync(WithRestore, ended.Token);
        try
        {
            await (await Task.WhenAny(dumping, counting)); // a failure of one cancels the other
            return (await dumping, await counting);
        }
        finally
        {
            await ended.CancelAsync();
            await Task.WhenAll(dumping, counting).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task<DumpedFile> WatchAsync(Task<DumpedFile> dumping, Dump dump)
    {
        await WatchedDump.WatchAsync(
            dumping,
            server.Database,
            sessionName,
            settings,
            seconds => logger.StillDumping(dump.Bytes / 1048576.0, seconds),
            logger);
        return await dumping;
    }

    /// <summary>Reads the dump again from the disk, and also restores it if configured.</summary>
    /// <returns>Null when the dump is good; otherwise a clause for the operator.</returns>
    private async Task<string?> WhyBrokenAsync(
        string path, BackupRecord record, PostgresPrograms programs, FileStream partial, CancellationToken whileLocked)
    {
        RandomAccess.FlushToDisk(partial.SafeFileHandle);
        if (await Archive.HashAsync(partial, whileLocked) != record.Sha256)
        {
            return $"what was read again from {path} is not what was written; look at that disk";
        }

        return WithRestore ? await scratch.WhyDifferentAsync(ArchiveIn(partial, programs), record, whileLocked) : null;
    }

    private Archive ArchiveIn(FileStream partial, PostgresPrograms programs) =>
        new(server.Target, programs, new PostgresTool(server.Target, logger), partial.Name);

    /// <summary>Logs the objects that this user could not restore on this server.</summary>
    /// <returns>The number of these objects.</returns>
    private async Task<int> FindLeftOutAsync(Archive archive, BackupRecord record, CancellationToken whileLocked)
    {
        var rights = await server.Database.WithConnectionAsync(ClusterQueries.ReadRightsAsync, whileLocked);
        var plan = await ScratchCopies.PlanAsync(archive, await archive.ReadContentsAsync(whileLocked), rights, whileLocked, record);
        if (plan.LeftOut.Count > 0)
        {
            logger.RestoreWouldLeaveOut(rights.User, CatalogText.List(plan.LeftOut));
        }

        return plan.LeftOut.Count;
    }

    /// <summary>Gives the dump its final name, and removes old backups.</summary>
    private BackupResult.Made Publish(BackupFolder folder, string path, FileStream partial, BackupRecord record, long started)
    {
        var made = new BackupResult.Made(Path.Combine(path, record.File), record);
        folder.Publish(partial, record.File, record.ToJson(made.Restore));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        logger.BackedUp(made.Path, record.Bytes / 1048576.0, record.Rows, record.Tables.Count, record.Verified, seconds);
        if (record.Cluster is null)
        {
            logger.BackupsNotPruned();
        }

        foreach (var old in folder.Prune(record, settings.BackupKeep, logger.PruningFailed))
        {
            logger.PrunedBackup(old);
        }

        return made with { WayBack = BackupResult.RestoreCommandFor(folder.BeforeUpgrade(record)) };
    }

    /// <returns>Null when the folder can be used.</returns>
    private string? WhyUnusable(string path)
    {
        if (File.Exists(path))
        {
            return $"{path} (LOGTO_INIT_BACKUP_DIR) is a file. Next: set it to a folder";
        }

        if (!Directory.Exists(path))
        {
            return $"the folder {path} (LOGTO_INIT_BACKUP_DIR) does not exist. Next: mount a volume there, or create it";
        }

        if (!FilePermission.MayWrite(path) || !FilePermission.MayExecute(path))
        {
            return $"user {FilePermission.CurrentUser} may not write to {path} (LOGTO_INIT_BACKUP_DIR); " +
                "give it the folder (chown, or fsGroup in Kubernetes), and mount it writable";
        }

        if (WhyNotLasting(path) is { } passing)
        {
            logger.BackupFolderDoesNotLast(path, passing);
        }

        return null;
    }

    /// <returns>Null when the folder outlives the container, or when this is not known.</returns>
    private static string? WhyNotLasting(string path)
    {
        try
        {
            return new DriveInfo(path).DriveFormat switch
            {
                "overlay" or "overlayfs" => "it is part of the container, and goes with it",
                "tmpfs" => "it is in memory",
                _ => null,
            };
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null; // the answer only serves a warning
        }
    }
}
