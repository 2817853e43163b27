using System.Globalization;
using System.Text;
using System.Text.Json;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Backups;

/// <summary>Lists the dumps in the folder of backups, so that an operator can choose one.</summary>
internal static class BackupList
{
    /// <summary>Prints the list on standard output, the newest first.</summary>
    /// <param name="folder">Null when no folder is configured.</param>
    /// <param name="asJson">Prints an array of objects, which docs/reference.md describes.</param>
    public static async Task<Outcome> ShowAsync(string? folder, bool asJson)
    {
        if (folder is null || !Directory.Exists(folder))
        {
            return new Outcome.WrongCommandLine(
                [folder is null
                    ? "LOGTO_INIT_BACKUP_DIR is not set, so there are no backups to list"
                    : $"the folder {folder} (LOGTO_INIT_BACKUP_DIR) does not exist, so there are no backups to list"],
                ["set LOGTO_INIT_BACKUP_DIR to the folder, or name the file in `restore FILE`."]);
        }

        try
        {
            var backups = Read(folder);
            await StandardOutput.WriteAsync(asJson ? ToJson(backups) : ToText(backups, DateTime.UtcNow));
            return new Outcome.BackupsListed(folder, backups.Count);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return new Outcome.WrongCommandLine(
                [$"the folder {folder} (LOGTO_INIT_BACKUP_DIR) cannot be read: {unreadable.Message.TrimEnd('.')}"],
                ["let this user read it."]);
        }
    }

    /// <summary>Returns all dumps, sorted by the time in the record, or without a record by the time of the file.</summary>
    internal static IReadOnlyList<(FileInfo File, BackupRecord? Record)> Read(string folder) =>
    [
        .. from file in new DirectoryInfo(folder).EnumerateFiles("*.dump")
           let record = BackupRecord.TryRead(file.FullName)
           orderby record?.TakenAt ?? file.LastWriteTimeUtc descending, file.Name
           select (file, record),
    ];

    internal static string ToText(IEnumerable<(FileInfo File, BackupRecord? Record)> backups, DateTime now)
    {
        var text = new StringBuilder();
        foreach (var (file, record) in backups)
        {
            var facts = record is null
                ? "no record that can be read"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{record.TakenAt:yyyy-MM-dd HH:mm:ss} UTC ({record.Age(now)}), database " +
                    $"{record.Database}, state {record.State?.ToString() ?? "unknown"}, before Logto {record.Target}");
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{OneLine.Escape(file.Name)}  {file.Length / 1048576.0:0.0} MB  {OneLine.Escape(facts)}");
        }

        return text.ToString();
    }

    internal static string ToJson(IEnumerable<(FileInfo File, BackupRecord? Record)> backups)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (var (file, record) in backups)
            {
                Write(json, file, record);
            }

            json.WriteEndArray();
        }

        return $"{Encoding.UTF8.GetString(buffer.ToArray())}{Environment.NewLine}";
    }

    private static void Write(Utf8JsonWriter json, FileInfo file, BackupRecord? record)
    {
        json.WriteStartObject();
        json.WriteString("file", file.Name);
        json.WriteNumber("bytes", file.Length);
        json.WriteString("takenAt", record?.TakenAt.ToString("O", CultureInfo.InvariantCulture));
        json.WriteString("database", record?.Database);
        if (record?.State is { } state)
        {
            json.WriteNumber("state", state.Timestamp);
        }
        else
        {
            json.WriteNull("state");
        }

        json.WriteString("target", record?.Target);
        json.WriteString("verified", record?.Verified);
        json.WriteEndObject();
    }
}
