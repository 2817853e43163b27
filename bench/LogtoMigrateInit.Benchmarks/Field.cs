using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Inspections;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>What all measurements share: a server, a seeded database, private installations, and how thorough they are.</summary>
internal sealed class Field : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _owned = [];

    private Field(PostgresServer server, bool quick) => (Server, Quick) = (server, quick);

    public PostgresServer Server { get; }

    /// <summary>Everything once or twice: shows that it works, and no more.</summary>
    public bool Quick { get; }

    /// <summary>A database as Logto 1.43.0 seeds it.</summary>
    public string Database { get; private set; } = "";

    /// <summary>A private installation of Logto 1.43.0.</summary>
    public LogtoInstallation Target { get; private set; } = null!;

    /// <summary>An older build of the program, to be measured beside this one; null when BENCH_BEFORE does not name its executable.</summary>
    public static string? Before => Environment.GetEnvironmentVariable("BENCH_BEFORE") is { Length: > 0 } path ? path : null;

    /// <summary>The program itself, not Debian's wrapper in Perl.</summary>
    public static string Psql => Directory.GetDirectories("/usr/lib/postgresql").Order().Select(version => Path.Combine(version, "bin", "psql")).Last(File.Exists);

    private static string InspectionSql => string.Join(";\n", InspectionQuery.Statements(Tables));

    /// <summary>Logto's tables, as the program reads them from the release.</summary>
    private static string[] Tables =>
        [.. Directory.GetFiles(Path.Combine(Path.GetDirectoryName(LogtoRelease.Newest.AlterationsDirectory)!, "tables"), "*.sql").Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => name[0] != '_'), "tenants"];

    public static async Task<Field> OpenAsync(bool quick)
    {
        var field = new Field(await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["max_connections"] = "400" }), quick);
        field._owned.Add(field.Server);
        field.Target = await field.CopyAsync(LogtoRelease.Newest);
        field.Database = await field.SeedAsync(LogtoRelease.Newest);
        return field;
    }

    /// <summary>How often, given how often it should be.</summary>
    public int Rounds(int thorough) => Quick ? 1 : thorough;

    /// <summary>A private installation, deleted with the field.</summary>
    public async Task<LogtoInstallation> CopyAsync(LogtoRelease release)
    {
        var copy = await release.CopyAsync();
        _owned.Add(copy);
        return copy;
    }

    /// <summary>A private folder, deleted with the field.</summary>
    public string NewDirectory()
    {
        var directory = new TemporaryDirectory();
        _owned.Add(directory);
        return directory.Path;
    }

    public async Task<string> SeedAsync(LogtoRelease release)
    {
        var database = await Server.CreateDatabaseAsync(PostgresDatabases.UniqueName("bench"));
        await release.SeedAsync(Server.Url(database));
        return database;
    }

    /// <summary>A run of the gate.</summary>
    public Invocation Gate(string url, string? directory = null, params (string Name, string Value)[] more) => new(
        Repository.Binary, [],
        new Dictionary<string, string?>(more.Select(pair => KeyValuePair.Create(pair.Name, (string?)pair.Value)))
        {
            ["DB_URL"] = url,
            ["LOGTO_INIT_LOGTO_DIR"] = directory ?? Target.Directory,
            ["LOGTO_INIT_NODE"] = Repository.Node,
            ["LOGTO_INIT_TERMINATION_LOG"] = "/nonexistent/termination-log",
        });

    /// <summary>The same question through libpq; without TLS unless the URL says so, as the gate.</summary>
    public static Invocation AskPsql(string url) => new(
        Psql, [url.Contains("sslmode", StringComparison.Ordinal) ? url : $"{url}?sslmode=disable", "-X", "-c", InspectionSql], new Dictionary<string, string?>());

    /// <summary>Logto's CLI as the gate runs it, without the gate.</summary>
    public static Invocation Cli(string url, LogtoInstallation installation, params string[] arguments) => new(
        Repository.Node, [installation.CliEntry, .. arguments], CliVariables(url), installation.Directory);

    public static Dictionary<string, string?> CliVariables(string url) =>
        new() { ["DB_URL"] = url, ["CI"] = "", ["DATABASE_STATEMENT_TIMEOUT"] = "DISABLE_TIMEOUT" };

    /// <summary>Logto's CLI as its documentation runs it: a script of the image's package.json.</summary>
    public Invocation NpmRun(string url, LogtoInstallation installation, string target)
    {
        var directory = NewDirectory();
        File.WriteAllText(Path.Combine(directory, "package.json"), """{ "name": "logto", "private": true, "scripts": { "alteration": "logto db alteration" } }""");
        var bin = Directory.CreateDirectory(Path.Combine(directory, "node_modules", ".bin")).FullName;
        File.CreateSymbolicLink(Path.Combine(bin, "logto"), installation.CliEntry);
        return new Invocation("npm", ["run", "alteration", "deploy", target], CliVariables(url), directory);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }
    }

    private sealed class TemporaryDirectory : IAsyncDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("logto-bench-").FullName;

        public ValueTask DisposeAsync()
        {
            Directory.Delete(Path, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
