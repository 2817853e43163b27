using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgresTools;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The folder of backups. A dump and its record get their names only when both are whole and on the disk. So a file with such a name
/// is a backup, and a file with our temporary name that no process has open was left by a killed run.
/// </summary>
internal sealed partial class BackupFolder(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const string Partial = ".partial";
    private const string Dump = ".dump";
    private const int HashDigits = 16;

    /// <summary>The name of a backup: what it holds, what it was made before, and when.</summary>
    /// <param name="state">Null: unreadable.</param>
    /// <param name="target">The release of Logto.</param>
    /// <param name="takenAt">In UTC.</param>
    /// <param name="sha256">Of the dump. Its first 16 digits are in the name, so that a dump can be checked without its record.</param>
    public static string NameOf(string database, AlterationState? state, string target, DateTime takenAt, string sha256)
    {
        var moment = takenAt.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
        return $"{Prefix(database)}{state?.ToString() ?? "unknown"}-to-{Plain(target)}-{moment}-{sha256[..HashDigits]}{Dump}";
    }

    /// <summary>The beginning of the SHA-256 in the name of a backup; null: the name has none, as those of older versions.</summary>
    public static string? HashIn(string name) => HashAtEnd().Match(name) is { Success: true } found ? found.Groups[1].Value : null;

    /// <summary>A file for a dump that is being written; another run knows by its lock that it is.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
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

    /// <summary>Removes what killed runs have left of this database.</summary>
    /// <returns>Their names.</returns>
    public IReadOnlyList<string> RemoveLeftOvers(string database)
    {
        var removed = new List<string>();
        var beginning = $".{Prefix(database)}";
        var own = Directory.EnumerateFiles(path, $"{beginning}*{Partial}")
            .Where(file => Guid.TryParseExact(Path.GetFileName(file)[beginning.Length..^Partial.Length], "N", out _));
        foreach (var file in own)
        {
            try
            {
                // Refused while another process has it open (https://learn.microsoft.com/dotnet/api/system.io.fileshare; flock on Linux).
                using var unused = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                File.Delete(file);
                removed.Add(Path.GetFileName(file));
            }
            catch (Exception used) when (used is IOException or UnauthorizedAccessException)
            {
                // Another server's database of the same name is being backed up into the same folder.
            }
        }

        return removed;
    }

    /// <summary>Gives a whole dump and its record their names, the record first: a dump that has its name is proven.</summary>
    /// <returns>The path of the dump.</returns>
    /// <exception cref="IOException">The disk refused; neither is left.</exception>
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
    /// The backup to restore if the upgrade to a target fails: of those made before that target, the newest with the oldest state. Reason:
    /// a deploy that fails midway is tried again, and a backup made in between is half upgraded. Backups from before a rollback do not
    /// count, because users may have worked for weeks since.
    /// </summary>
    /// <param name="latest">The backup that was just made.</param>
    /// <returns>Its path.</returns>
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

    /// <summary>The newest backup at a release's schema version. A rollback's result is compared with it.</summary>
    /// <param name="latest">What was just made.</param>
    /// <param name="level">The timestamp of the release's last alteration. The state that a rollback leaves is another one.</param>
    /// <returns>Null when there is none.</returns>
    public (string Path, BackupRecord Record)? AtLevel(BackupRecord latest, double level) => Own(latest)
        .Where(backup => backup.Record.State?.Timestamp == level)
        .Select(backup => ((string, BackupRecord)?)backup)
        .FirstOrDefault();

    /// <summary>
    /// Removes old backups of this database. It keeps the newest, the one to restore if the upgrade fails, and those made before a
    /// rollback, which alone hold what the rollback dropped. It leaves files of other programs and other clusters alone.
    /// </summary>
    /// <param name="latest">What was just made.</param>
    /// <param name="keep">How many to keep, with the latest.</param>
    /// <param name="failed">Gets the name of each backup that could not be removed, and why.</param>
    /// <returns>The names of those removed.</returns>
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

    /// <summary>The backups of the same database in the same server, the newest first. Only the latest, if the server is unknown.</summary>
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

    /// <summary>Replaces characters that do not belong in a file name with underscores: a database's name may hold any.</summary>
    private static string Plain(string text) =>
        string.Concat(text.Select(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' ? character : '_'));
}
