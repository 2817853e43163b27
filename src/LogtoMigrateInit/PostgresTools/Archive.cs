using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>One line of an archive's table of contents, as <c>pg_restore --list</c> prints it and <c>--use-list</c> reads it.</summary>
/// <param name="Line">As it was printed.</param>
/// <param name="Description">Without its numbers: kind, schema (or <c>-</c>), name and owner.</param>
internal sealed record ArchiveEntry(string Line, string Description)
{
    /// <summary>The numbers of the dumped object: its catalog and its OID; <c>0</c> and the OID of the table for its rows.</summary>
    public string CatalogId =>
        Line.Length > Description.Length && Line.IndexOf(' ', StringComparison.Ordinal) is >= 0 and var at
            ? Line[(at + 1)..^(Description.Length + 1)]
            : "";

    public bool Is(string beginning) => Description.StartsWith(beginning, StringComparison.Ordinal);
}

/// <summary>What an archive says of itself.</summary>
/// <param name="Database">The name of the dumped database.</param>
/// <param name="ServerVersion">The release of the dumped server.</param>
/// <param name="Entries">All entries, also those about the database itself.</param>
internal sealed record ArchiveContents(string Database, string ServerVersion, IReadOnlyList<ArchiveEntry> Entries);

/// <summary>A dump in PostgreSQL's custom format. A plain one is refused: it would run code in <c>psql</c> (CVE-2025-8714).</summary>
/// <param name="target">The server that it is restored to.</param>
/// <param name="programs">The newest <c>pg_restore</c>.</param>
/// <param name="tool">Runs it.</param>
/// <param name="path">The file.</param>
internal sealed partial class Archive(ServerTarget target, PostgresPrograms programs, PostgresTool tool, string path)
{
    /// <summary>The first bytes of a dump in custom format (PostgreSQL's <c>pg_backup_archiver.c</c>).</summary>
    private static readonly byte[] Magic = [.. "PGDMP"u8];

    public string Path => path;

    /// <summary>Whether a file begins as one.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool IsArchive(Stream file)
    {
        var beginning = new byte[Magic.Length];
        var count = file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false);
        return count == beginning.Length && beginning.SequenceEqual(Magic);
    }

    /// <summary>The SHA-256 of a whole file, in lower-case hexadecimal digits.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<string> HashAsync(Stream file, CancellationToken stop)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024]; // SHA256.HashDataAsync would read in pieces of four kilobytes
        int count;
        file.Position = 0;
        while ((count = await file.ReadAsync(buffer, stop)) > 0)
        {
            hash.AppendData(buffer, 0, count);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <exception cref="PostgresToolException">It is no archive that this <c>pg_restore</c> reads.</exception>
    public async Task<ArchiveContents> ReadContentsAsync(CancellationToken stop)
    {
        var list = await PrintAsync(["--list", "--create"], stop);
        return new ArchiveContents(
            DatabaseLine().Match(list).Groups[1].Value,
            ServerLine().Match(list).Groups[1].Value,
            [.. EntryLine().Matches(list).Select(line => new ArchiveEntry(line.Value, line.Groups[1].Value))]);
    }

    /// <summary>Unpacks all of it.</summary>
    /// <exception cref="PostgresToolException">It is cut or damaged.</exception>
    public Task ReadToEndAsync(CancellationToken stop) =>
        tool.RunAsync(programs.Restore, ["--file=/dev/null", path], ToolEnvironment.WithoutPostgres(), null, null, null, stop);

    /// <summary>The SQL of some entries.</summary>
    /// <param name="entries">Which; none gives none.</param>
    /// <param name="arguments">More arguments for <c>pg_restore</c>.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
    public async Task<IReadOnlyList<string>> ReadStatementsAsync(
        IReadOnlyList<ArchiveEntry> entries, IEnumerable<string> arguments, CancellationToken stop) =>
        entries.Count == 0 ? [] : SqlScript.Split(await PrintAsync(["--file=-", "--use-list=/dev/stdin", .. arguments], stop, entries));

    /// <summary>Some of the rows of one table, as <c>COPY</c> writes them.</summary>
    /// <param name="table">Its name, without a schema.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
    public Task<string> ReadRowsAsync(string table, CancellationToken stop) =>
        PrintAsync(["--data-only", $"--table={table}", "--file=-"], stop);

    /// <summary>Restores some entries into a database, all of them ours; the first error ends it.</summary>
    /// <param name="database">Its name.</param>
    /// <param name="entries">Entries of the archive, in its order.</param>
    /// <param name="serverVersion">PostgreSQL's <c>server_version_num</c> of the target server.</param>
    /// <param name="applicationName">The name of the session.</param>
    /// <param name="section"><c>pg_restore</c>'s name of the only part to restore, such as <c>pre-data</c>; null: all parts.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
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

    /// <summary>The arguments that <c>pg_restore</c> always gets, and the error that does not count; null: every error counts.</summary>
    /// <param name="programs">The release of <c>pg_restore</c>.</param>
    /// <param name="database">The database that it restores to.</param>
    /// <param name="serverVersion">See <see cref="RestoreAsync"/>.</param>
    public static (IReadOnlyList<string> Arguments, string? Tolerated) RestoreArguments(
        PostgresPrograms programs, string database, int serverVersion)
    {
        const int FirstWithTransactionTimeout = 17;

        // From 17 on pg_restore turns this limit off, also on a server that lacks it. It must then continue after that error, and so after
        // every other one.
        var isUnknown = programs.Major >= FirstWithTransactionTimeout && serverVersion / 10000 < FirstWithTransactionTimeout;
        var tolerated = isUnknown ? "\"transaction_timeout\"" : null;

        // pg_restore reads a name with an equals sign as a connection string, so it always gets one.
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
            // The words of PostgreSQL's pg_backup_archiver.c; the tools run under LC_ALL=C.
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
            // pg_restore has ended, and prints why.
        }
    };

    [GeneratedRegex(@"^;\s+dbname: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex DatabaseLine();

    [GeneratedRegex(@"^;\s+Dumped from database version: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex ServerLine();

    [GeneratedRegex(@"^[0-9]+; [0-9]+ [0-9]+ (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex EntryLine();
}
