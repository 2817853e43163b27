using System.Globalization;
using System.Text.Json;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The record of a backup, a <c>.json</c> file beside the dump. The names of its properties are a contract (docs/going-back.md).
/// </summary>
internal sealed record BackupRecord
{
    /// <summary>Increases with every incompatible change of the format.</summary>
    private const int Version = 2;

    /// <summary>The largest record in bytes. A catalog that would make it larger is not recorded.</summary>
    private const long LongestFile = 64 << 20;

    /// <summary>The name of the dump, without its folder.</summary>
    public required string File { get; init; }

    public required long Bytes { get; init; }

    /// <summary>The hash of the dump, in lower-case hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public required string Database { get; init; }

    /// <summary>PostgreSQL's <c>system_identifier</c>; null when the user may not see it.</summary>
    public required string? Cluster { get; init; }

    /// <summary>The host and the port of the server; null when not recorded.</summary>
    public required string? Server { get; init; }

    /// <summary>Logto's alteration state; null when missing or unreadable.</summary>
    public required AlterationState? State { get; init; }

    /// <summary>The release of Logto in whose image the backup was made.</summary>
    public required string Target { get; init; }

    /// <summary>The time of the dump's snapshot by the server's clock, in UTC.</summary>
    public required DateTime TakenAt { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c>.</summary>
    public required int ServerVersion { get; init; }

    public required string DumpedBy { get; init; }

    /// <summary>How the backup was verified: <c>read</c> or <c>restore</c>.</summary>
    public required string Verified { get; init; }

    /// <summary>All tables in the dump.</summary>
    public required IReadOnlyList<TableContents> Tables { get; init; }

    /// <summary>All objects of the database with their owners and rights; null when not recorded, as in version 1.</summary>
    public DatabaseCatalog? Catalog { get; init; }

    /// <summary>
    /// Whether two backups are of the same database on the same server. Unknown clusters and servers are never equal. The server counts
    /// too, because a copy of a data directory has the identifier of its original.
    /// </summary>
    public bool IsOfTheSame(BackupRecord other) =>
        Database == other.Database && Cluster is not null && Cluster == other.Cluster && Server is not null && Server == other.Server;

    /// <summary>Returns the time since the backup, such as <c>2.5 hours ago</c>.</summary>
    /// <param name="now">The time of this machine, which may be behind the server's.</param>
    public string Age(DateTime now)
    {
        var age = now - TakenAt;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Math.Abs(age.TotalHours):0.0} hours {(age >= TimeSpan.Zero ? "ago" : "in the future by this machine's clock")}");
    }

    public long Rows => Tables.Sum(table => table.Rows ?? 0);

    /// <summary>Returns the path of a dump's record.</summary>
    public static string PathOf(string dump) => Path.ChangeExtension(dump, ".json");

    /// <returns>Null when the record is missing, unreadable, or of a newer version.</returns>
    public static BackupRecord? TryRead(string dump)
    {
        try
        {
            using var file = PlainFile.TryOpen(PathOf(dump), FileAccess.Read);
            if (file is null or { Length: > LongestFile })
            {
                return null;
            }

            using var json = JsonDocument.Parse(file);
            var root = json.RootElement;
            var record = root.GetProperty("version").GetInt32() > Version ? null : new BackupRecord
            {
                File = root.GetProperty("file").GetString()!,
                Bytes = root.GetProperty("bytes").GetInt64(),
                Sha256 = root.GetProperty("sha256").GetString()!,
                Database = root.GetProperty("database").GetString()!,
                Cluster = root.GetProperty("cluster").GetString(),
                Server = root.TryGetProperty("server", out var server) ? server.GetString() : null,
                State = root.GetProperty("state") is { ValueKind: JsonValueKind.Number } state
                    ? new AlterationState(state.GetDouble())
                    : null,
                Target = root.GetProperty("target").GetString()!,
                TakenAt = root.GetProperty("takenAt").GetDateTime(),
                ServerVersion = root.GetProperty("serverVersion").GetInt32(),
                DumpedBy = root.GetProperty("dumpedBy").GetString()!,
                Verified = root.GetProperty("verified").GetString()!,
                Tables = [.. root.GetProperty("tables").EnumerateArray().Select(ReadTable)],
                Catalog = CatalogJson.Read(root),
            };
            return record is null or { Rows: < 0 } ? null : record;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or JsonException
            or OverflowException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private static TableContents ReadTable(JsonElement table) => new(
        table.GetProperty("table").GetString()!,
        table.GetProperty("rows") is { ValueKind: JsonValueKind.Number } rows ? rows.GetInt64() : null,
        table.TryGetProperty("sum", out var sum) ? sum.GetString() : null);

    /// <param name="restore">The command that restores the backup.</param>
    public byte[] ToJson(string restore)
    {
        var json = Serialize(restore);
        return json.Length <= LongestFile ? json : (this with { Catalog = null }).Serialize(restore);
    }

    // Over 40 lines: a line for each property of the record.
    private byte[] Serialize(string restore)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteString("file", File);
            json.WriteNumber("bytes", Bytes);
            json.WriteString("sha256", Sha256);
            json.WriteString("database", Database);
            json.WriteString("cluster", Cluster);
            json.WriteString("server", Server);
            if (State is { } state)
            {
                json.WriteNumber("state", state.Timestamp);
            }
            else
            {
                json.WriteNull("state");
            }

            json.WriteString("target", Target);
            json.WriteString("takenAt", TakenAt);
            json.WriteNumber("serverVersion", ServerVersion);
            json.WriteString("dumpedBy", DumpedBy);
            json.WriteString("verified", Verified);
            json.WriteString("restore", restore);
            json.WriteStartArray("tables");
            foreach (var table in Tables)
            {
                Write(json, table);
            }

            json.WriteEndArray();
            if (Catalog is not null)
            {
                CatalogJson.Write(json, Catalog);
            }

            json.WriteEndObject();
        }

        return [.. buffer.ToArray(), (byte)'\n'];
    }

    private static void Write(Utf8JsonWriter json, TableContents table)
    {
        json.WriteStartObject();
        json.WriteString("table", table.Table);
        if (table.Rows is { } rows)
        {
            json.WriteNumber("rows", rows);
        }
        else
        {
            json.WriteNull("rows");
        }

        if (table.Sum is not null)
        {
            json.WriteString("sum", table.Sum);
        }

        json.WriteEndObject();
    }
}
