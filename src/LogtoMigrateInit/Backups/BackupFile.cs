using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>Checks a file that an operator wants to restore.</summary>
internal sealed partial class BackupFile(Archive archive, ProgramSettings settings, AlterationCatalog catalog, ILogger logger)
{
    public const string ListsThem = "Next: name a backup; `logto-migrate-init restore` lists them";

    /// <summary>The record beside the file; null when it is missing or unreadable.</summary>
    public BackupRecord? Record { get; } = BackupRecord.TryRead(archive.Path);

    /// <summary>Reads the whole file. Compares its hash with the record; without a record, unpacks it.</summary>
    /// <returns>Null when the file is undamaged; otherwise a clause for the operator.</returns>
    /// <exception cref="PostgresToolException">The file cannot be unpacked.</exception>
    public async Task<string?> WhyDamagedAsync(CancellationToken stop)
    {
        await using var file = PlainFile.TryOpen(archive.Path, FileAccess.Read);
        if (file is null)
        {
            return $"{archive.Path} is no plain file. {ListsThem}";
        }

        if (!Archive.IsArchive(file))
        {
            return $"{archive.Path} is no dump in PostgreSQL's custom format (pg_dump --format=custom); " +
                "the program does not restore a plain one, which could run any command on this machine. Next: use a dump in custom format";
        }

        if (Record is null && File.Exists(BackupRecord.PathOf(archive.Path)))
        {
            return $"its record {BackupRecord.PathOf(archive.Path)} cannot be read, or is of a newer version of this program. " +
                "Next: use that version, or move the record away to restore without a comparison";
        }

        if (Record is null)
        {
            logger.NoRecord(archive.Path, BackupRecord.PathOf(archive.Path));
            if (BackupFolder.HashIn(archive.Path) is { } digits
                && !(await Archive.HashAsync(file, stop)).StartsWith(digits, StringComparison.Ordinal))
            {
                return $"{archive.Path} is damaged: its SHA-256 does not begin with {digits}, as its name says. Next: use another backup";
            }

            await archive.ReadToEndAsync(stop);
            return null;
        }

        return await Archive.HashAsync(file, stop) == Record.Sha256
            ? null
            : $"{archive.Path} is damaged: it has {(file.Length == Record.Bytes ? "other bytes than were written" :
                $"{file.Length} bytes instead of {Record.Bytes}")}. Next: use another backup";
    }

    /// <summary>Checks that the dump is of this database, and of no newer Logto than this image.</summary>
    /// <returns>Null when this image may restore it; otherwise a clause for the operator.</returns>
    public async Task<string?> WhyUnfitAsync(ArchiveContents contents, CancellationToken stop)
    {
        if (contents.Database != settings.Main.Database)
        {
            return $"it is a dump of the database '{contents.Database}', and DB_URL names '{settings.Main.Database}'; " +
                "Logto's roles have the name of their database. Next: correct DB_URL, or use a backup of that database";
        }

        var state = Record is not null ? Record.State : FindState(await archive.ReadRowsAsync(LogtoNames.Systems, stop));
        return state is not null && state.Timestamp > catalog.Last.Timestamp && state.Timestamp > settings.AheadLimit
            ? $"it is of a newer Logto (state {state}) than this image, which ends at {catalog.Last.FormattedTimestamp} " +
                $"({catalog.TargetVersion}). Next: use the newer image, or set LOGTO_INIT_AHEAD={state} to restore it anyway"
            : null;
    }

    private static AlterationState? FindState(string rows)
    {
        try
        {
            return StateRow().Match(rows) is { Success: true } row ? AlterationState.Parse(row.Groups[1].Value) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^alterationState\t(.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex StateRow();
}
