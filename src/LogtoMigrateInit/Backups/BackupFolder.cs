using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgresTools;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The folder of backups. A dump and its record get their final names only when both are complete and on the disk. So each file with such a
/// name is a backup. A file with a temporary name that no process has open was left by a killed run.
/// </summary>
internal sealed partial class BackupFolder(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const string Partial = ".partial";
    private const string Dump = ".dump";
    private const int HashDigits = 16;

    /// <summary>Returns the name of a backup. It contains the database, the state, the target and the time.</summary>
    /// <param name="state">Null when unreadable.</param>
    /// <param name="takenAt">The time in UTC.</param>
    /// <param name="sha256">
    /// The hash of the dump. The name contains its first 16 digits, so a dump can be checked without its record.
    /// </param>
    public static string NameOf(string database, AlterationState? state, string target, DateTime takenAt, string sha256)
    {
        var moment = takenAt.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
        return $"{Prefix(database)}{state?.ToString() ?? "unknown"}-to-{Plain(target)}-{moment}-{sha256[..HashDigits]}{Dump}";
    }

    /// <summary>Returns the first digits of the SHA-256 in the name of a backup; null when it has none, as in older versions.</summary>
    public static string? HashIn(string name) => HashAtEnd().Match(name) is { Success: true } found ? found.Groups[1].Value : null;

    /// <summary>Creates the file for a dump. Its lock tells other runs that the dump is being written.</summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The user may not create the file.</exception>
    public FileStream CreatePartial(string database) => new(
        Path.Combine(path, $".{Prefix(database)}{Guid.NewGuid():n}{Partial}"),
        new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            UnixCreateMode = OwnerOnly,
            BufferSize = 0,
        });

    /// <summary>Removes the temporary files that killed runs left for this database.</summary>
    /// <returns>The names of the removed files.</returns>
    public IReadOnlyList<string> RemovePartialFiles(string database)
    {
        var removed = new List<string>();
        var beginning = $".{Prefix(database)}";
        var own = Directory.EnumerateFiles(path, $"{beginning}*{Partial}")
            .Where(file => Guid.TryParseExact(Path.GetFileName(file)[beginning.Length..^Partial.Length], "N", out _));
        foreach (var file in own)
        {
            try
            {
                // This fails while another process has the file open (https://learn.microsoft.com/dotnet/api/system.io.fileshare; flock on
                // Linux).
                using var unused = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                File.Delete(file);
                removed.Add(Path.GetFileName(file));
            }
            catch (Exception used) when (used is IOException or UnauthorizedAccessException)
            {
                // Another run backs up a database of the same name on another server into this folder.
            }
        }

        return removed;
    }

    /// <summary>
    /// Gives a complete dump and its record their final names. The record comes first, so that no dump is without a record.
    /// </summary>
    /// <returns>The path of the dump.</returns>
    /// <exception cref="IOException">Writing failed. Neither file is left.</exception>
    public string Publish(FileStream dump, string name, byte[] record)
    {
        var final = Path.Combine(path, name);
        var recordFile = BackupRecord.PathOf(final);
        using var stream = new FileStream(
            recordFile, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
        var isNamed = false;
        try
        {
            stream.Write(record);
            stream.Flush(flushToDisk: true);
            File.Move(dump.Name, final);
            isNamed = true;
            DurableFolder.Sync(path);
            return final;
        }
        catch
        {
            File.Delete(recordFile);
            if (isNamed)
            {
                File.Delete(final);
            }

            throw;
        }
    }

    /// <summary>
    /// Returns the path of the backup to restore if the upgrade fails: among the backups made before the same target, the one with the
    /// lowest state, and of those the newest. Reason: a deploy that failed midway is tried again, and a backup made in between is partially
    /// upgraded. Backups from before a rollback do not count, because users may have worked for weeks since.
    /// </summary>
    /// <param name="latest">The backup that was just made.</param>
    public string BeforeUpgrade(BackupRecord latest)
    {
        var best = (Path: Path.Combine(path, latest.File), Record: latest);
        var state = latest.State?.Timestamp ?? double.MaxValue;
        foreach (var backup in Own(latest).Where(backup => backup.Record.TakenAt <= latest.TakenAt && backup.Record.File != latest.File))
        {
            if (backup.Record.State?.Timestamp > state)
            {
                break;
            }

            state = backup.Record.State?.Timestamp ?? state;
            var isOlder = backup.Record.State?.Timestamp < (best.Record.State?.Timestamp ?? double.MaxValue);
            best = backup.Record.Target == latest.Target && isOlder ? backup : best;
        }

        return best.Path;
    }

    /// <summary>Returns the newest backup whose state is a release's last alteration. A rollback compares its result with it.</summary>
    /// <param name="latest">The backup that was just made.</param>
    /// <param name="level">The timestamp of the release's last alteration. A rollback itself leaves another state.</param>
    /// <returns>Null when there is none.</returns>
    public (string Path, BackupRecord Record)? AtLevel(BackupRecord latest, double level) => Own(latest)
        .Where(backup => backup.Record.State?.Timestamp == level)
        .Select(backup => ((string, BackupRecord)?)backup)
        .FirstOrDefault();

    /// <summary>
    /// Removes old backups of this database. It keeps the newest ones, the one of <see cref="BeforeUpgrade"/>, and those made before a
    /// rollback, because only they contain what the rollback dropped. It does not touch files of other programs and other clusters.
    /// </summary>
    /// <param name="latest">The backup that was just made.</param>
    /// <param name="keep">The number of newest backups to keep, including the latest.</param>
    /// <param name="failed">Receives the name of each backup that could not be removed, and the reason.</param>
    /// <returns>The names of the removed backups.</returns>
    public IReadOnlyList<string> Prune(BackupRecord latest, int keep, Action<string, string> failed)
    {
        var own = Own(latest).ToArray();
        var beforeRollbacks = own.Zip(own.Skip(1))
            .Where(pair => pair.Second.Record.State?.Timestamp > pair.First.Record.State?.Timestamp)
            .Select(pair => pair.Second.Path);
        string[] kept = [BeforeUpgrade(latest), .. beforeRollbacks];
        var removed = new List<string>();
        var superfluous = own.Select(backup => backup.Path)
            .Where(dump => Path.GetFileName(dump) != latest.File)
            .Skip(keep - 1)
            .Where(dump => !kept.Contains(dump));
        foreach (var dump in superfluous)
        {
            try
            {
                File.Delete(dump);
                File.Delete(BackupRecord.PathOf(dump));
                removed.Add(Path.GetFileName(dump));
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                failed(Path.GetFileName(dump), refused.Message);
            }
        }

        return removed;
    }

    /// <summary>
    /// Returns the backups of the same database on the same server, the newest first; only the latest if its server is not known.
    /// </summary>
    private IEnumerable<(string Path, BackupRecord Record)> Own(BackupRecord latest) =>
        from dump in Directory.EnumerateFiles(path, $"{Prefix(latest.Database)}*{Dump}")
        let record = BackupRecord.TryRead(dump)
        where record is not null && record.File == Path.GetFileName(dump)
        where record.File == latest.File || record.IsOfTheSame(latest)
        orderby record.TakenAt descending
        select (dump, record);

    [GeneratedRegex(@"-\d{8}T\d{9}Z-([0-9a-f]{16})\.dump$", RegexOptions.CultureInvariant)]
    private static partial Regex HashAtEnd();

    private static string Prefix(string database) => $"logto-{Plain(database)}-";

    /// <summary>Replaces unusual characters by underscores, because a database's name may contain any character.</summary>
    private static string Plain(string text) =>
        string.Concat(text.Select(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' ? character : '_'));
}
