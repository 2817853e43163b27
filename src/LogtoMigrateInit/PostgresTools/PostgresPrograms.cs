using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.Processes;

namespace LogtoMigrateInit.PostgresTools;

/// <summary><c>pg_dump</c> and <c>pg_restore</c> of one release.</summary>
/// <param name="Folder">The folder of both.</param>
/// <param name="Version">The version from <c>pg_dump --version</c>, such as <c>15.18 (Debian 15.18-0+deb12u1)</c>.</param>
/// <param name="Major">The major version of PostgreSQL, such as 15.</param>
internal sealed partial record PostgresPrograms(string Folder, string Version, int Major)
{
    private const string DumpName = "pg_dump";
    private const string RestoreName = "pg_restore";

    public string Dump => Path.Combine(Folder, DumpName);

    public string Restore => Path.Combine(Folder, RestoreName);

    /// <summary>Finds the newest programs.</summary>
    /// <param name="folder">The only folder to search; null: the folders of Debian and Alpine, and <c>PATH</c>.</param>
    /// <exception cref="PostgresToolException">No programs were found. The message has the next step.</exception>
    public static async Task<PostgresPrograms> FindAsync(string? folder, CancellationToken cancellationToken)
    {
        PostgresPrograms? newest = null;
        foreach (var candidate in folder is null ? UsualFolders() : [folder])
        {
            if (FilePermission.FindProgram(Path.Combine(candidate, DumpName)) is { } dump
                && FilePermission.FindProgram(Path.Combine(candidate, RestoreName)) is not null
                && await ReadVersionAsync(dump, cancellationToken) is { } found
                && found.Major > (newest?.Major ?? 0))
            {
                newest = new PostgresPrograms(candidate, found.Text, found.Major);
            }
        }

        return newest ?? throw new PostgresToolException(folder is null
            ? "pg_dump and pg_restore are not in this image. Next: build it with POSTGRES_CLIENT (see the Dockerfile), " +
                "or set LOGTO_INIT_PG_BIN to their folder"
            : $"LOGTO_INIT_PG_BIN is {folder}, and no pg_dump and pg_restore there start. Next: set it to their folder");
    }

    /// <summary>Checks that the programs are not older than a server, because they could not dump it.</summary>
    /// <exception cref="PostgresToolException">The programs are older than the server.</exception>
    public void RequireFor(int serverVersion)
    {
        if (Major < serverVersion / 10000)
        {
            throw new PostgresToolException(
                $"the server runs PostgreSQL {serverVersion / 10000}, and the newest pg_dump found is {Version} in {Folder}. " +
                $"Next: build the image with POSTGRES_CLIENT={serverVersion / 10000} or newer, or mount such a client and set " +
                "LOGTO_INIT_PG_BIN to its folder");
        }
    }

    // Debian's pg_dump on PATH is a wrapper that chooses among these folders, so the folders come first.
    private static IEnumerable<string> UsualFolders() =>
    [
            .. Folders("/usr/lib/postgresql", "*").Select(release => Path.Combine(release, "bin")),
            .. Folders("/usr/libexec", "postgresql*"),
            .. SearchPath.Split(':', StringSplitOptions.RemoveEmptyEntries),
        ];

    private static string SearchPath => Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin";

    private static string[] Folders(string parent, string pattern) =>
        Directory.Exists(parent) ? Directory.GetDirectories(parent, pattern) : [];

    /// <returns>Null when the program does not start, or does not print a version.</returns>
    private static async Task<(string Text, int Major)?> ReadVersionAsync(string program, CancellationToken cancellationToken)
    {
        var output = new StringBuilder();
        var child = new ChildProcess(program, ["--version"], ToolEnvironment.WithoutPostgres())
        {
            Output = (stream, drained) => OutputLines.ReadAsync(stream, (line, _) => output.Append(line), drained),
            Errors = (stream, drained) => OutputLines.ReadAsync(stream, (_, _) => { }, drained),
        };
        try
        {
            _ = await child.RunAsync(null, CancellationToken.None, cancellationToken);
        }
        catch (Win32Exception)
        {
            return null;
        }

        cancellationToken.ThrowIfCancellationRequested();
        return VersionLine().Match(output.ToString()) is { Success: true } version
            ? (version.Groups[1].Value, int.Parse(version.Groups[2].Value, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex(@"\(PostgreSQL\) (([0-9]{1,4}).*)", RegexOptions.CultureInvariant)]
    private static partial Regex VersionLine();
}
