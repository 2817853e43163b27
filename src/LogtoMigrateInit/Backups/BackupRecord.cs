using System.Globalization;
using System.Text.Json;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Backups;

/// <summary>The record beside a backup, as <c>.json</c>. Its names are a contract (docs/going-back.md).</summary>
internal sealed record BackupRecord
{
    /// <summary>Increases with every incompatible change of the format.</summary>
    private const int Version = 2;

    /// <summary>Bytes. The catalog of a database that would need more is not recorded.</summary>
    private const long LongestFile = 64 << 20;

    /// <summary>The name of the dump, without its folder.</summary>
    public required string File { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Of the dump, in lower-case hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public required string Database { get; init; }

    /// <summary>PostgreSQL's number of the cluster; null: not visible.</summary>
    public required string? Cluster { get; init; }

    /// <summary>Host and port of the server, as the URL names them; null: not recorded.</summary>
    public required string? Server { get; init; }

    /// <summary>Logto's alteration state; null: missing or unreadable.</summary>
    public required AlterationState? State { get; init; }

    /// <summary>The release of Logto in whose image the backup was made.</summary>
    public required string Target { get; init; }

    /// <summary>The moment that the dump shows, by the server's clock, in UTC.</summary>
    public required DateTime TakenAt { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c>.</summary>
    public required int ServerVersion { get; init; }

    public required string DumpedBy { get; init; }

    /// <summary><c>read</c> or <c>restore</c>.</summary>
    public required string Verified { get; init; }

    /// <summary>Every table in the dump.</summary>
    public required IReadOnlyList<TableContents> Tables { get; init; }

    /// <summary>All objects of the database with their owners and rights; null: not recorded, as by records of version 1.</summary>
    public DatabaseCatalog? Catalog { get; init; }

    /// <summary>
    /// Whether two backups are of one database in one server: what is unknown is never equal. A copy of a data directory has the number of
    /// its original, and another address.
    /// </summary>
    public bool IsOfTheSame(BackupRecord other) =>
        Database == other.Database && Cluster is not null && Cluster == other.Cluster && Server is not null && Server == other.Server;

    /// <summary>The time since the backup, such as <c>2.5 hours ago</c>.</summary>
    /// <param name="now">By this machine's clock, which may be behind the server's.</param>
    public string Age(DateTime now)
    {
        var age = now - TakenAt;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Math.Abs(age.TotalHours):0.0} hours {(age >= TimeSpan.Zero ? "ago" : "in the future by this machine's clock")}");
    }

    public long Rows => Tables.Sum(table => table.Rows ?? 0);

    /// <summary>Where the record of a dump is.</summary>
    public static string PathOf(string dump) => Path.ChangeExtension(dump, ".json");

    /// <returns>Null when the dump has no record, or an unreadable one.</returns>
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

    /// <param name="restore">The command that restores it.</param>
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
