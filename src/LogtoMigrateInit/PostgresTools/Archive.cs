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
    public bool Is(string beginning) => Description.StartsWith(beginning, StringComparison.Ordinal);
}

/// <summary>What an archive says of itself.</summary>
/// <param name="Database">The name of the database that was dumped.</param>
/// <param name="ServerVersion">Of the server that it came from.</param>
/// <param name="Entries">All of them, those of the database itself too.</param>
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
        return file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false) == beginning.Length && beginning.SequenceEqual(Magic);
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
    /// <param name="arguments">More for <c>pg_restore</c>.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
    public async Task<IReadOnlyList<string>> ReadStatementsAsync(IReadOnlyList<ArchiveEntry> entries, IEnumerable<string> arguments, CancellationToken stop) =>
        entries.Count == 0 ? [] : SqlScript.Split(await PrintAsync(["--file=-", "--use-list=/dev/stdin", .. arguments], stop, entries));

    /// <summary>Some of the rows of one table, as <c>COPY</c> writes them.</summary>
    /// <param name="table">Its name, in whatever schema.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
    public Task<string> ReadRowsAsync(string table, CancellationToken stop) => PrintAsync(["--data-only", $"--table={table}", "--file=-"], stop);

    /// <summary>Restores some entries into a database, all of them ours; the first error ends it.</summary>
    /// <param name="database">Its name.</param>
    /// <param name="entries">Which, in the order of the archive.</param>
    /// <param name="serverVersion">Of the server that it goes to; PostgreSQL's <c>server_version_num</c>.</param>
    /// <param name="applicationName">The name of the session.</param>
    /// <param name="section">Only these parts of them, as <c>pg_restore</c> calls it, such as <c>pre-data</c>; null: all.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
    public async Task RestoreAsync(string database, IEnumerable<ArchiveEntry> entries, int serverVersion, string applicationName, string? section, CancellationToken stop)
    {
        using var roots = RootsFile.Create(target);
        var (arguments, tolerated) = RestoreArguments(programs, database, serverVersion);
        await tool.RunAsync(
            programs.Restore, [.. arguments, "--use-list=/dev/stdin", .. section is null ? Array.Empty<string>() : [$"--section={section}"], path],
            ToolEnvironment.Build(target, applicationName, roots?.Path), WriteList(entries), null, tolerated, stop);
    }

    /// <summary>What <c>pg_restore</c> is always told, and the error that counts for nothing; null: none does.</summary>
    /// <param name="programs">Which one it is.</param>
    /// <param name="database">Where it restores to.</param>
    /// <param name="serverVersion">See <see cref="RestoreAsync"/>.</param>
    public static (IReadOnlyList<string> Arguments, string? Tolerated) RestoreArguments(PostgresPrograms programs, string database, int serverVersion)
    {
        // From 17 on pg_restore turns this limit off, also where there is none; then it must go on after that error, and so after others.
        const int FirstWithTransactionTimeout = 17;
        var tolerated = programs.Major >= FirstWithTransactionTimeout && serverVersion / 10000 < FirstWithTransactionTimeout ? "\"transaction_timeout\"" : null;

        // A name with an equals sign would be taken for a connection string, so it is always one.
        var target = $"dbname='{database.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal)}'";
        return (
            ["--no-owner", "--no-privileges", "--no-tablespaces", .. tolerated is null ? ["--exit-on-error"] : Array.Empty<string>(), "--no-password", $"--dbname={target}"],
            tolerated);
    }

    private async Task<string> PrintAsync(IEnumerable<string> arguments, CancellationToken stop, IEnumerable<ArchiveEntry>? entries = null)
    {
        var text = "";
        await tool.RunAsync(
            programs.Restore, [.. arguments, path], ToolEnvironment.WithoutPostgres(), entries is null ? null : WriteList(entries),
            async output =>
            {
                using var reader = new StreamReader(output, Encoding.UTF8);
                text = await reader.ReadToEndAsync(stop);
            },
            null, stop);
        return text;
    }

    private static Func<Stream, CancellationToken, Task> WriteList(IEnumerable<ArchiveEntry> entries) => async (input, _) =>
    {
        try
        {
            await input.WriteAsync(Encoding.UTF8.GetBytes(string.Concat(entries.Select(entry => $"{entry.Line}\n"))), CancellationToken.None);
        }
        catch (IOException)
        {
            // It has ended, and says why.
        }
    };

    [GeneratedRegex(@"^;\s+dbname: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex DatabaseLine();

    [GeneratedRegex(@"^;\s+Dumped from database version: (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex ServerLine();

    [GeneratedRegex(@"^[0-9]+; [0-9]+ [0-9]+ (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex EntryLine();
}
