using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>One line of an archive's table of contents, which <c>pg_restore --list</c> prints and <c>--use-list</c> reads.</summary>
/// <param name="Line">The whole line.</param>
/// <param name="Description">The line without its numbers: kind, schema (or <c>-</c>), name and owner.</param>
internal sealed record ArchiveEntry(string Line, string Description)
{
    /// <summary>
    /// The OIDs of the dumped object's catalog and of the object. For the rows of a table: <c>0</c> and the OID of the table.
    /// </summary>
    public string CatalogId =>
        Line.Length > Description.Length && Line.IndexOf(' ', StringComparison.Ordinal) is >= 0 and var at
            ? Line[(at + 1)..^(Description.Length + 1)]
            : "";

    public bool Is(string beginning) => Description.StartsWith(beginning, StringComparison.Ordinal);
}

/// <summary>The table of contents of an archive.</summary>
/// <param name="Database">The name of the dumped database.</param>
/// <param name="ServerVersion">The release of the dumped server.</param>
/// <param name="Entries">All entries, including those about the database itself.</param>
internal sealed record ArchiveContents(string Database, string ServerVersion, IReadOnlyList<ArchiveEntry> Entries);

/// <summary>
/// A dump in PostgreSQL's custom format. Plain dumps are refused, because they can run code in <c>psql</c> (CVE-2025-8714).
/// </summary>
/// <param name="target">The server for a restore.</param>
/// <param name="path">The path of the file.</param>
internal sealed partial class Archive(ServerTarget target, PostgresPrograms programs, PostgresTool tool, string path)
{
    /// <summary>The first bytes of a dump in custom format (PostgreSQL's <c>pg_backup_archiver.c</c>).</summary>
    private static readonly byte[] Magic = [.. "PGDMP"u8];

    public string Path => path;

    /// <summary>Whether a file begins like a dump in custom format.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static bool IsArchive(Stream file)
    {
        var beginning = new byte[Magic.Length];
        var count = file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false);
        return count == beginning.Length && beginning.SequenceEqual(Magic);
    }

    /// <summary>Returns the SHA-256 of a whole file, in lower-case hexadecimal digits.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<string> HashAsync(Stream file, CancellationToken stop)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024]; // SHA256.HashDataAsync would read only four kilobytes at a time
        int count;
        file.Position = 0;
        while ((count = await file.ReadAsync(buffer, stop)) > 0)
        {
            hash.AppendData(buffer, 0, count);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <exception cref="PostgresToolException">This <c>pg_restore</c> cannot read the file.</exception>
    public async Task<ArchiveContents> ReadContentsAsync(CancellationToken stop)
    {
        var list = await PrintAsync(["--list", "--create"], stop);
        return new ArchiveContents(
            DatabaseLine().Match(list).Groups[1].Value,
            ServerLine().Match(list).Groups[1].Value,
            [.. EntryLine().Matches(list).Select(line => new ArchiveEntry(line.Value, line.Groups[1].Value))]);
    }

    /// <summary>Unpacks the whole archive, to check that it is complete.</summary>
    /// <exception cref="PostgresToolException">The archive is truncated or damaged.</exception>
    public Task ReadToEndAsync(CancellationToken stop) =>
        tool.RunAsync(programs.Restore, ["--file=/dev/null", path], ToolEnvironment.WithoutPostgres(), null, null, null, stop);

    /// <summary>Returns the SQL statements of some entries.</summary>
    /// <param name="arguments">More arguments for <c>pg_restore</c>.</param>
    /// <exception cref="PostgresToolException"><c>pg_restore</c> failed.</exception>
    public async Task<IReadOnlyList<string>> ReadStatementsAsync(
        IReadOnlyList<ArchiveEntry> entries, IEnumerable<string> arguments, CancellationToken stop) =>
        entries.Count == 0 ? [] : SqlScript.Split(await PrintAsync(["--file=-", "--use-list=/dev/stdin", .. arguments], stop, entries));

    /// <summary>Returns the rows of all tables of a name, in the format of <c>COPY</c>.</summary>
    /// <param name="table">The name without a schema.</param>
    /// <exception cref="PostgresToolException"><c>pg_restore</c> failed.</exception>
    public Task<string> ReadRowsAsync(string table, CancellationToken stop) =>
        PrintAsync(["--data-only", $"--table={table}", "--file=-"], stop);

    /// <summary>Restores some entries into a database. The user becomes the owner of all objects. Errors end the restore.</summary>
    /// <param name="database">The name of the database.</param>
    /// <param name="entries">The entries to restore, in the order of the archive.</param>
    /// <param name="serverVersion">The <c>server_version_num</c> of the target server.</param>
    /// <param name="applicationName">The <c>application_name</c> of the session.</param>
    /// <param name="section">The only section to restore, such as <c>pre-data</c>; null: all sections.</param>
    /// <exception cref="PostgresToolException"><c>pg_restore</c> failed.</exception>
    public async Task RestoreAsync(
        string database,
        IEnumerable<ArchiveEntry> entries,
        int serverVersion,
        string applicationName,
        string? section,
        CancellationToken stop)
    {
        using var roots = RootsFile.Create(target);
        string[] onlySection = section is null ? [] : [$"--section={section}"];
        var (arguments, tolerated) = RestoreArguments(programs, database, serverVersion);
        await tool.RunAsync(
            programs.Restore,
            [.. arguments, "--use-list=/dev/stdin", .. onlySection, path],
            ToolEnvironment.Build(target, applicationName, roots?.Path),
            WriteList(entries),
            null,
            tolerated,
            stop);
    }

    /// <summary>Returns the common arguments of <c>pg_restore</c>, and a part of the one error that is tolerated; null: none is.</summary>
    /// <param name="database">The name of the database.</param>
    /// <param name="serverVersion">The <c>server_version_num</c> of the target server.</param>
    public static (IReadOnlyList<string> Arguments, string? Tolerated) RestoreArguments(
        PostgresPrograms programs, string database, int serverVersion)
    {
        const int FirstWithTransactionTimeout = 17;

        // Since 17 pg_restore sets transaction_timeout, even on a server that does not know it. To continue after that error, it must
        // continue after all errors. PostgresTool then fails if there were others.
        var isUnknown = programs.Major >= FirstWithTransactionTimeout && serverVersion / 10000 < FirstWithTransactionTimeout;
        var tolerated = isUnknown ? "\"transaction_timeout\"" : null;

        // pg_restore takes a name with an equals sign for a connection string. So it always gets a connection string.
        var name = database.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal);
        string[] onError = isUnknown ? [] : ["--exit-on-error"];
        return (["--no-owner", "--no-privileges", "--no-tablespaces", .. onError, "--no-password", $"--dbname=dbname='{name}'"], tolerated);
    }

    private async Task<string> PrintAsync(IEnumerable<string> arguments, CancellationToken stop, IEnumerable<ArchiveEntry>? entries = null)
    {
        var text = "";
        try
        {
            await tool.RunAsync(
                programs.Restore,
                [.. arguments, path],
                ToolEnvironment.WithoutPostgres(),
                entries is null ? null : WriteList(entries),
                async output =>
                {
                    using var reader = new StreamReader(output, Encoding.UTF8);
                    text = await reader.ReadToEndAsync(stop);
                },
                null,
                stop);
        }
        catch (PostgresToolException failure) when (failure.Message.Contains("unsupported version", StringComparison.Ordinal))
        {
            // The message of PostgreSQL's pg_backup_archiver.c. It is always English, because the tools run with LC_ALL=C.
            throw new PostgresToolException(
                $"{failure.Message}: a newer pg_dump made this file. Next: set LOGTO_INIT_PG_BIN to the folder of that release's client",
                failure);
        }

        return text;
    }

    private static Func<Stream, CancellationToken, Task> WriteList(IEnumerable<ArchiveEntry> entries) => async (input, _) =>
    {
        try
        {
            var list = string.Concat(entries.Select(entry => $"{entry.Line}\n"));
            await input.WriteAsync(Encoding.UTF8.GetBytes(list), CancellationToken.None);
        }
        catch (IOException)
        {
            // pg_restore has ended and printed the reason.
        }
    };

    [GeneratedRegex(@"^;\s+dbname: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex DatabaseLine();

    [GeneratedRegex(@"^;\s+Dumped from database version: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex ServerLine();

    [GeneratedRegex(@"^[0-9]+; [0-9]+ [0-9]+ (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex EntryLine();
}
