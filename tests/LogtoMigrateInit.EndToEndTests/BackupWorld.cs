using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database that an ordinary owner backs up and restores with real tools, and the folder for it.</summary>
internal sealed class BackupWorld : IAsyncDisposable
{
    private readonly string? _pretended;

    private BackupWorld(FakeWorld world, string folder, string? pretended) => (World, Folder, _pretended) = (world, folder, pretended);

    public FakeWorld World { get; }

    public string Folder { get; }

    public PostgresServer Server => World.Server;

    public string Database => World.Database;

    public string Owner => PostgresDatabases.OwnerOf(Database);

    public string OwnersUrl => Server.Url(Database, Owner, PostgresDatabases.OwnerPassword);

    /// <summary>Names of what is in the folder, in order; hidden ones too.</summary>
    public IReadOnlyList<string> Files => [.. Directory.GetFiles(Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    public IReadOnlyList<string> Dumps => [.. Files.Where(file => file.EndsWith(".dump", StringComparison.Ordinal))];

    private static CancellationToken Token => FakeWorld.Token;

    /// <param name="servers">Shared with other tests.</param>
    /// <param name="major">Of the server and of the tools.</param>
    /// <param name="script">What the tools do before they begin; null: nothing.</param>
    public static Task<BackupWorld> CreateAsync(SharedServers servers, int major = 17, string? script = null) => CreateAsync(servers.GetAsync(major), script);

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "It goes to the caller inside of the world.")]
    public static async Task<BackupWorld> CreateAsync(Task<PostgresServer> server, string? script)
    {
        var world = new BackupWorld(
            await FakeWorld.CreateAsync(server), Directory.CreateTempSubdirectory("backups-").FullName,
            script is null ? null : await PostgresClients.PretendAsync((await server).Major, script, Token));
        var owner = await world.Server.CreateOwnerAsync(world.Database, Token);
        await world.Server.ExecuteAsync(
            world.Database, $"alter role {owner} createdb createrole; insert into users select 'user' || i from generate_series(1, 1000) i", Token);
        return world;
    }

    public Dictionary<string, string?> Variables(params (string Name, string? Value)[] more) => World.Variables(
        "deploy",
        [("DB_URL", OwnersUrl), ("LOGTO_INIT_BACKUP_DIR", Folder), ("LOGTO_INIT_PG_BIN", _pretended ?? PostgresClients.For(Server.Major)), .. more]);

    public Task<GateResult> RunAsync(string command, params (string Name, string? Value)[] more) => RunAsync([command], more);

    public Task<GateResult> RunAsync(string[] arguments, params (string Name, string? Value)[] more) =>
        Gate.RunAsync(arguments, Variables(more), cancellationToken: Token);

    public Gate Start(string[] arguments, params (string Name, string? Value)[] more) => Gate.Start(arguments, Variables(more));

    /// <summary>Makes a backup and returns its path.</summary>
    public async Task<string> BackUpAsync(params (string Name, string? Value)[] more)
    {
        Expect.Ending(Expect.Success, await RunAsync("backup", more));
        return Path.Combine(Folder, Dumps[^1]);
    }

    public static async Task<JsonNode> RecordAsync(string dump) => JsonNode.Parse(await File.ReadAllTextAsync(Path.ChangeExtension(dump, ".json"), Token))!;

    /// <summary>Every row of every table, as text.</summary>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> RowsAsync(string? database = null)
    {
        database ??= Database;
        var rows = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        await using var connection = await Server.OpenAsync(database, Token);
        foreach (var table in await connection.QueryAsync<string>("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^pg_|^information_schema$'", Token))
        {
            rows[table] = await connection.QueryAsync<string>($"select (t.*)::text from {table} t order by 1", Token);
        }

        return rows;
    }

    /// <summary>The names of the databases that this one's restores have left.</summary>
    public Task<IReadOnlyList<string>> RelativesAsync(string kind) =>
        Server.QueryAsync<string>("postgres", $"select datname::text from pg_database where datname ~ '^{Database}_{kind}_' order by 1", Token);

    /// <summary>A session in this database, as Logto's; no pool keeps it.</summary>
    public Task<NpgsqlConnection> OpenAsync(string user, string password) => OpenAsync(Server, Database, user, password);

    public static async Task<NpgsqlConnection> OpenAsync(PostgresServer server, string database, string user, string password)
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder
            {
                Host = "127.0.0.1",
                Port = server.Port,
                Username = user,
                Password = password,
                Database = database,
                Pooling = false,
                ApplicationName = "logto",
            }.ConnectionString);
        try
        {
            await connection.OpenAsync(Token);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Nothing of a run is left: no half file, no scratch database, no lock, no session.</summary>
    public async Task LeavesNothingAsync()
    {
        Assert.DoesNotContain(Files, file => file.StartsWith('.'));
        Assert.Empty(await RelativesAsync("scratch"));
        await World.LeavesNothingAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        if (_pretended is not null)
        {
            Directory.Delete(_pretended, recursive: true);
        }

        await World.DisposeAsync();
    }
}
