using System.IO.Enumeration;
using System.Text.Json;
using LogtoMigrateInit.Platform;

namespace LogtoMigrateInit.Logto;

/// <summary>The files of the target, the Logto release that is about to start.</summary>
internal sealed class LogtoInstallation
{
    /// <summary>The places of the packages: in Logto's image, and as npm installs them, nested or side by side.</summary>
    private static readonly (string Cli, string Schemas)[] Layouts =
    [
        ("packages/cli", "packages/schemas"),
        ("node_modules/@logto/cli", "node_modules/@logto/cli/node_modules/@logto/schemas"),
        ("node_modules/@logto/cli", "node_modules/@logto/schemas"),
    ];

    private static readonly EnumerationOptions AllEntries = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private LogtoInstallation(string root, string cli, string schemas, string version)
    {
        CliDirectory = Path.Combine(root, cli);
        SchemasDirectory = Path.Combine(root, schemas);
        Version = version;
        var core = Path.Combine(root, "packages", "core");
        CoreDirectory = File.Exists(Path.Combine(core, "package.json")) ? core : null;
    }

    /// <summary>The folder of <c>@logto/cli</c>.</summary>
    public string CliDirectory { get; }

    /// <summary>The folder of <c>@logto/schemas</c>.</summary>
    public string SchemasDirectory { get; }

    /// <summary>The folder of Logto's server; null when only the CLI is installed, as from npm.</summary>
    public string? CoreDirectory { get; }

    /// <summary>The folder of the alterations that the target ships.</summary>
    public string AlterationsDirectory => Path.Combine(SchemasDirectory, "alterations-js");

    /// <summary>The version of <c>@logto/cli</c>, such as <c>1.43.0</c>.</summary>
    public string Version { get; }

    /// <summary>The script of the CLI, for Node.js.</summary>
    public string CliEntry => Path.Combine(CliDirectory, "bin", "logto.js");

    /// <summary>The folder to which the CLI copies the alterations at every run, so that their imports resolve.</summary>
    public string ScratchDirectory => Path.Combine(CliDirectory, "alteration-scripts");

    /// <summary>Finds the installation and checks its version. It does not check the alterations.</summary>
    /// <param name="expectedVersion">The required version; null: any.</param>
    /// <exception cref="UnusableTargetException">The installation is missing, incomplete, or of another version.</exception>
    public static LogtoInstallation Find(string directory, string? expectedVersion)
    {
        var (cli, schemas) = Layouts.FirstOrDefault(layout =>
            File.Exists(Path.Combine(directory, layout.Cli, "package.json")) && Directory.Exists(Path.Combine(directory, layout.Schemas)));
        if (cli is null)
        {
            throw new UnusableTargetException(
                $"No Logto found in {directory}: neither packages/cli with packages/schemas (Logto's image) " +
                "nor node_modules/@logto/cli (npm) exists. Next: set LOGTO_INIT_LOGTO_DIR to Logto's folder, " +
                "or run this in the image of the Logto release that shall start.");
        }

        var installation = new LogtoInstallation(directory, cli, schemas, ReadVersion(Path.Combine(directory, cli, "package.json")));
        if (!File.Exists(installation.CliEntry))
        {
            throw new UnusableTargetException(
                $"Logto's CLI is missing: {installation.CliEntry} does not exist. Next: use a complete image of Logto.");
        }

        if (expectedVersion is not null && expectedVersion != installation.Version)
        {
            throw new UnusableTargetException(
                $"This image holds Logto {installation.Version}, and LOGTO_INIT_EXPECTED_VERSION asks for {expectedVersion}. " +
                "Next: give the init image and Logto's image the same version.");
        }

        return installation;
    }

    /// <summary>Reads the names of the alterations and of Logto's tables, without opening their files.</summary>
    /// <exception cref="UnusableTargetException">
    /// A folder cannot be read, has no alteration, or has one that the CLI could not read.
    /// </exception>
    public AlterationCatalog ReadCatalog(bool needsDefaultTenant)
    {
        try
        {
            var names = new FileSystemEnumerable<string>(AlterationsDirectory, (ref entry) => entry.FileName.ToString(), AllEntries);
            return AlterationCatalog.Read(Version, names, ReadScript, ReadRequirements(needsDefaultTenant));
        }
        catch (Exception unusable) when (unusable is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new UnusableTargetException(
                $"The alterations in {AlterationsDirectory} cannot be used: {unusable.Message.TrimEnd('.')}. " +
                "Next: use a complete image of Logto.");
        }
    }

    /// <summary>
    /// Reads the names of the tables that a seed creates: one for each file in <c>tables</c> whose name does not begin with an underscore,
    /// and <c>tenants</c>, which has no file (<c>packages/cli/src/commands/database/seed/tables.ts</c>).
    /// </summary>
    private LogtoRequirements ReadRequirements(bool needsDefaultTenant)
    {
        const string Ending = ".sql";
        var folder = Path.Combine(SchemasDirectory, "tables");
        string[] tables;
        try
        {
            tables =
            [
                .. Directory.EnumerateFiles(folder, $"*{Ending}").Select(Path.GetFileName).OfType<string>()
                    .Where(name => name[0] != '_')
                    .Select(name => name[..^Ending.Length]),
            ];
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            throw new UnusableTargetException(
                $"The definitions of Logto's tables in {folder} cannot be read: {unusable.Message.TrimEnd('.')}. Next: use a complete " +
                "image of Logto.");
        }

        // Core counts signing keys since 1.39.0, the first release with this file.
        var keysHaveStatus = File.Exists(Path.Combine(SchemasDirectory, "lib", "utils", "oidc-private-key.js"));
        return new LogtoRequirements([.. tables, "tenants"], keysHaveStatus) { NeedsDefaultTenant = needsDefaultTenant };
    }

    /// <summary>Returns the text of an alteration.</summary>
    /// <exception cref="UnusableTargetException">The file cannot be read.</exception>
    public string ReadScript(Alteration alteration)
    {
        try
        {
            return File.ReadAllText(Path.Combine(AlterationsDirectory, alteration.FileName));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new UnusableTargetException(
                $"The alteration {alteration.FileName} cannot be read: {unreadable.Message} Next: use a complete image of Logto.");
        }
    }

    /// <summary>
    /// Checks that the CLI can empty and fill <see cref="ScratchDirectory"/>, which is the first step of every run
    /// (<c>getAlterationFiles</c> in <c>packages/cli/src/commands/database/alteration/utils.ts</c>).
    /// </summary>
    /// <returns>Null when the CLI can; otherwise sentences for the operator.</returns>
    public string? WhyScriptsFolderIsReadOnly()
    {
        string? readOnly;
        try
        {
            readOnly = MustBeWritable().FirstOrDefault(folder => !FilePermission.MayWrite(folder));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            readOnly = ScratchDirectory;
        }

        return readOnly is null
            ? null
            : $"Logto and its CLI must write to {readOnly} and user {FilePermission.CurrentUser} may not. " +
                $"Run logto-migrate-init as root or in group 0, or mount an emptyDir or tmpfs at {ScratchDirectory}.";
    }

    /// <summary>
    /// Returns the folders that the CLI must write to. To remove a filled folder, such as <c>utils</c>, it must write in it.
    /// </summary>
    private IEnumerable<string> MustBeWritable() => Directory.Exists(ScratchDirectory)
        ? Directory.EnumerateDirectories(ScratchDirectory, "*", SearchOption.AllDirectories)
            .Where(folder => Directory.EnumerateFileSystemEntries(folder).Any())
            .Prepend(ScratchDirectory)
        : [CliDirectory];

    private static string ReadVersion(string packageFile)
    {
        try
        {
            using var package = JsonDocument.Parse(File.ReadAllBytes(packageFile));
            return package.RootElement.GetProperty("version").GetString() is { Length: > 0 } version ? version : throw new JsonException();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException
            or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new UnusableTargetException(
                $"{packageFile} does not have the version of Logto's CLI. Next: use a complete image of Logto.");
        }
    }
}
