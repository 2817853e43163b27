using System.Diagnostics;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>What came of a backup. The cases: <see cref="Made"/>, <see cref="Failed"/>.</summary>
internal abstract record BackupResult
{
    private BackupResult()
    {
    }

    /// <summary>It is there and proven.</summary>
    /// <param name="Path">The dump; its record stands beside it.</param>
    /// <param name="Record">What it holds.</param>
    public sealed record Made(string Path, BackupRecord Record) : BackupResult
    {
        /// <summary>What an operator types to have it back.</summary>
        public string Restore => RestoreCommandFor(Path);

        /// <summary>The same for the state before the upgrade, of which this backup may be another try.</summary>
        public string WayBack { get; init; } = RestoreCommandFor(Path);
    }

    /// <summary>There is none, and nothing is left of it.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Failed(string Reason) : BackupResult;

    /// <summary>As it is typed; a path with odd characters in quotes.</summary>
    internal static string RestoreCommandFor(string path) =>
        path.All(character => char.IsAsciiLetterOrDigit(character) || character is '/' or '-' or '_' or '.') ? $"logto-migrate-init restore {path}" : $"logto-migrate-init restore '{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}

/// <summary>Makes one proven backup: check → snapshot → dump, unpack and count at once → read again → (restore and compare) → name → prune.</summary>
internal sealed class DatabaseBackup(
    ProgramSettings settings, LogtoInstallation installation, string sessionName, LogtoDatabase database, DirectServer server, ScratchCopies scratch, ILogger logger)
{
    /// <param name="state">What the database says of its level; null when it cannot be read.</param>
    /// <param name="held">Cancelled when the lock is lost, or by a signal.</param>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left.</exception>
    public async Task<BackupResult> MakeAsync(AlterationState? state, CancellationToken held) =>
        (await ExplainAsync(path => MakeAsync(path, state, held)))!;

    /// <summary>Looks for what would keep a backup from being made, without making one.</summary>
    /// <returns>Null when nothing is known to; otherwise a clause for the operator.</returns>
    public async Task<string?> WhyImpossibleAsync(CancellationToken stop)
    {
        var result = await ExplainAsync(async path => await PrepareAsync(path, stop) is { Problem: { } problem } ? new BackupResult.Failed(problem) : null);
        return (result as BackupResult.Failed)?.Reason;
    }

    /// <summary>See <see cref="BackupFolder.AtLevel"/>.</summary>
    public (string Path, BackupRecord Record)? FindAtLevel(BackupRecord latest, double level)
    {
        try
        {
            return new BackupFolder(settings.BackupDirectory!).AtLevel(latest, level);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null; // nothing but a comparison is lost
        }
    }

    private async Task<BackupResult?> ExplainAsync(Func<string, Task<BackupResult?>> work)
    {
        if (settings.BackupDirectory is not { } path)
        {
            return new BackupResult.Failed("LOGTO_INIT_BACKUP_DIR is not set; name a folder that outlives this container");
        }

        try
        {
            return await work(path);
        }
        catch (PostgresToolException failure)
        {
            return new BackupResult.Failed(failure.Message);
        }
        catch (Exception failure) when (failure is not (OperationCanceledException or IOException) && DatabaseException.From(failure) is { } refusal)
        {
            return new BackupResult.Failed($"{refusal.Message}; {refusal.Remedy}");
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            return new BackupResult.Failed($"{path} cannot be written: {unwritable.Message.TrimEnd('.')}; make room there, or name another folder in LOGTO_INIT_BACKUP_DIR");
        }
    }

    /// <summary>The folder, the programs and the server, each looked at.</summary>
    private async Task<(PostgresPrograms? Programs, ServerIdentity? Identity, string? Problem)> PrepareAsync(string path, CancellationToken held)
    {
        if (WhyUnusable(path) is { } unusable)
        {
            return (null, null, unusable);
        }

        var programs = await PostgresPrograms.FindAsync(settings.PostgresPrograms, held);
        var (identity, problem) = await server.ExamineAsync(database, held);
        programs.RequireFor(identity.ServerVersion);
        return (programs, identity, problem);
    }

    private async Task<BackupResult?> MakeAsync(string path, AlterationState? state, CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        var (programs, identity, problem) = await PrepareAsync(path, held);
        if (programs is null || identity is null || problem is not null)
        {
            return new BackupResult.Failed(problem!);
        }

        var folder = new BackupFolder(path);
        foreach (var leftOver in folder.RemoveLeftOvers(settings.Main.Database))
        {
            logger.RemovedPartialBackup(leftOver);
        }

        logger.BackingUp(settings.Main.Database, identity.Bytes / 1048576.0, path, programs.Version);

        var tool = new PostgresTool(server.Target, logger);
        var partial = folder.CreatePartial(settings.Main.Database);
        try
        {
            BackupRecord record;
            await using (var snapshot = await ExportedSnapshot.TakeAsync(server.Database, held))
            {
                var (dumped, tables) = await DumpAsync(snapshot, new Dump(server.Target, programs, tool), partial, held);
                record = new BackupRecord
                {
                    File = BackupFolder.NameOf(settings.Main.Database, state, installation.Version, snapshot.TakenAt),
                    Bytes = dumped.Bytes,
                    Sha256 = dumped.Sha256,
                    Database = settings.Main.Database,
                    Cluster = identity.Cluster,
                    State = state,
                    Target = installation.Version,
                    TakenAt = snapshot.TakenAt,
                    ServerVersion = identity.ServerVersion,
                    DumpedBy = programs.Version,
                    Verified = settings.BackupVerify == BackupVerification.Restore ? "restore" : "read",
                    Tables = tables,
                };
            }

            RandomAccess.FlushToDisk(partial.SafeFileHandle);
            if (await Archive.HashAsync(partial, held) != record.Sha256)
            {
                return new BackupResult.Failed($"what was read again from {path} is not what was written; look at that disk");
            }

            if (settings.BackupVerify == BackupVerification.Restore && await scratch.WhyDifferentAsync(new Archive(server.Target, programs, tool, partial.Name), record, held) is { } difference)
            {
                return new BackupResult.Failed(difference);
            }

            var made = new BackupResult.Made(Path.Combine(path, record.File), record);
            folder.Publish(partial, record.File, record.ToJson(made.Restore));
            logger.BackedUp(made.Path, record.Bytes / 1048576.0, record.Rows, record.Tables.Count, record.Verified, Stopwatch.GetElapsedTime(started).TotalSeconds);
            foreach (var old in folder.Prune(record, settings.BackupKeep, logger.PruningFailed))
            {
                logger.PrunedBackup(old);
            }

            return made with { WayBack = BackupResult.RestoreCommandFor(folder.BeforeUpgrade(record)) };
        }
        finally
        {
            File.Delete(partial.Name); // by then it has its real name, or is worth nothing
            await partial.DisposeAsync();
        }
    }

    /// <summary>Dumps, and counts in the same snapshot meanwhile.</summary>
    private async Task<(DumpedFile Dumped, IReadOnlyList<TableContents> Tables)> DumpAsync(ExportedSnapshot snapshot, Dump dump, FileStream partial, CancellationToken held)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(held);
        var dumping = WatchAsync(dump.WriteAsync(snapshot.Id, sessionName, settings.LockTimeout, partial, either.Token), dump);
        var counting = snapshot.CountAsync(settings.BackupVerify == BackupVerification.Restore, either.Token);
        try
        {
            await (await Task.WhenAny(dumping, counting)); // the first that fails ends the other
            return (await dumping, await counting);
        }
        finally
        {
            await either.CancelAsync();
            await Task.WhenAll(dumping, counting).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <returns>Null when the folder can be used.</returns>
    private string? WhyUnusable(string path)
    {
        if (!Directory.Exists(path))
        {
            return $"the folder {path} (LOGTO_INIT_BACKUP_DIR) is not there; mount a volume there, or create it";
        }

        if (!FilePermission.MayWrite(path) || !FilePermission.MayExecute(path))
        {
            return $"user {FilePermission.CurrentUser} may not write to {path} (LOGTO_INIT_BACKUP_DIR); give it the folder (chown, or fsGroup in Kubernetes)";
        }

        if (MountTable.WhyNotLasting(path) is { } passing)
        {
            logger.BackupFolderDoesNotLast(path, passing);
        }

        return null;
    }

    private async Task<DumpedFile> WatchAsync(Task<DumpedFile> dumping, Dump dump)
    {
        await WatchedDump.WatchAsync(dumping, server.Database, sessionName, settings, seconds => logger.StillDumping(dump.Bytes / 1048576.0, seconds), logger);
        return await dumping;
    }
}
