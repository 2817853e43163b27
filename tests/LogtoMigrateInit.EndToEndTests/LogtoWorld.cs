using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A real Logto database and a private installation of a later release; an ordinary owner who may create databases and roles connects, or a superuser.</summary>
/// <param name="server">Where the database is.</param>
/// <param name="database">Its name.</param>
/// <param name="target">The installation.</param>
/// <param name="owner">Who connects; null: the superuser.</param>
internal sealed class LogtoWorld(PostgresServer server, string database, LogtoInstallation target, string? owner = null) : IAsyncDisposable
{
    public PostgresServer Server => server;

    public string Database => database;

    public LogtoInstallation Target => target;

    public string Owner => owner ?? PostgresServer.Superuser;

    public string Url => owner is null ? Server.Url(Database) : Server.Url(Database, owner, PostgresDatabases.OwnerPassword);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <param name="servers">Shared with other tests.</param>
    /// <param name="major">Of PostgreSQL.</param>
    /// <param name="from">The release that seeds the database.</param>
    /// <param name="rollback">Where the CLI of the release that is installed takes it back to; null: nowhere.</param>
    /// <param name="name">The database's; null: an unused one.</param>
    /// <param name="to">The release that is installed; null: the newest.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "It goes to the caller inside of the world.")]
    public static async Task<LogtoWorld> CreateAsync(SharedServers servers, int major, LogtoRelease? from = null, string? rollback = null, string? name = null, LogtoRelease? to = null)
    {
        var server = await servers.GetAsync(major);
        var database = name ?? PostgresDatabases.UniqueName();
        var owner = PostgresDatabases.OwnerOf(database);
        await server.CreateUserAsync(owner, PostgresDatabases.OwnerPassword, "createdb createrole", Token);
        await servers.SeedAsync(server, database, owner, from ?? LogtoRelease.Newest, rollback, to, Token);
        await server.ExecuteAsync(database, $"alter schema public owner to {PostgresDatabases.Quote(owner)}", Token);
        return new LogtoWorld(server, database, await (to ?? LogtoRelease.Newest).CopyAsync(Token), owner);
    }

    /// <summary>A database of an ordinary owner, and an installation as in Logto's image, with a server.</summary>
    /// <param name="servers">Shared with other tests.</param>
    /// <param name="major">Of PostgreSQL.</param>
    /// <param name="from">The release that seeds the database.</param>
    public static async Task<LogtoWorld> CreateWithServerAsync(SharedServers servers, int major, LogtoRelease from)
    {
        var server = await servers.GetAsync(major);
        var database = PostgresDatabases.UniqueName();
        var owner = PostgresDatabases.OwnerOf(database);
        await server.CreateUserAsync(owner, PostgresDatabases.OwnerPassword, "createdb createrole", Token);
        await servers.SeedAsync(server, database, owner, from, null, null, Token);
        await server.ExecuteAsync(database, $"alter schema public owner to {PostgresDatabases.Quote(owner)}", Token);
        var target = await LogtoRelease.Newest.ToImageLayoutAsync(Token);
        await target.AddServerAsync(Token);
        return new LogtoWorld(server, database, target, owner);
    }

    /// <summary>A superuser's database that <paramref name="from"/> has seeded, and an installation of <paramref name="to"/>.</summary>
    public static async Task<LogtoWorld> CreateAsSuperuserAsync(SharedServers servers, int major, LogtoRelease from, LogtoRelease to)
    {
        var (server, database) = await servers.SeededAsync(major, from, Token);
        return new LogtoWorld(server, database, await to.CopyAsync(Token));
    }

    public Dictionary<string, string?> Variables(params (string Name, string? Value)[] more)
    {
        var variables = new Dictionary<string, string?>
        {
            ["DB_URL"] = Url,
            ["LOGTO_INIT_LOGTO_DIR"] = Target.Directory,
            ["LOGTO_INIT_PG_BIN"] = PostgresClients.For(Server.Major),
        };
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        return variables;
    }

    public Task<GateResult> RunAsync(string command, params (string Name, string? Value)[] more) => RunAsync([command], more);

    public Task<GateResult> RunAsync(string[] arguments, params (string Name, string? Value)[] more) =>
        Gate.RunAsync(arguments, Variables(more), cancellationToken: Token);

    /// <summary>Runs <c>rehearse --output json</c>.</summary>
    public async Task<(GateResult Result, JsonNode Report)> RehearseAsync(params string[] arguments)
    {
        var result = await RunAsync(["rehearse", "--output", "json", .. arguments]);
        return (result, JsonNode.Parse(result.StandardOutput)!);
    }

    public Task<decimal> StateAsync() => Server.StateAsync(Database, Token);

    public Task<LogtoPreconditions> PreconditionsAsync() => Target.PreconditionsAsync(Url, Token);

    public Task ExecuteAsync(string sql) => Server.ExecuteAsync(Database, $"set role {PostgresDatabases.Quote(Owner)}; {sql}", Token);

    /// <summary>Ships one more alteration; what it does in its transaction waits at the end while the test says so.</summary>
    /// <param name="number">Where it stands among them.</param>
    /// <param name="name">Its own.</param>
    /// <param name="up">What it does in its transaction, in JavaScript; <c>run(pool, text)</c> runs a statement.</param>
    /// <param name="beforeUp">The same before it.</param>
    /// <param name="down">What reverts it.</param>
    /// <param name="beforeDown">The same before that.</param>
    /// <param name="version">The release that brings it.</param>
    public Task AddAlterationAsync(int number, string name, string up, string beforeUp = "", string down = "", string beforeDown = "", string version = "1.43.0") => File.WriteAllTextAsync(
        Path.Combine(Target.AlterationsDirectory, FileName(number, name, version)),
        $$"""
        import { existsSync, renameSync, writeFileSync } from 'node:fs';
        import { sql } from '@silverhand/slonik';
        const run = (pool, text) => pool.query(sql(Object.assign([text], { raw: [text] })));
        const pause = async (pool, step) => {
          const { TEST_PAUSE_FOLDER: folder, TEST_PAUSE_DATABASE: only } = process.env;
          if (!folder) return;
          const { rows } = await pool.query(sql`select pg_backend_pid() as pid, current_database() as name`);
          if (only && only !== rows[0].name) return;
          writeFileSync(`${folder}/at-${step}.new`, String(rows[0].pid));
          renameSync(`${folder}/at-${step}.new`, `${folder}/at-${step}`);
          while (!existsSync(`${folder}/go-${step}`)) await new Promise((resolve) => setTimeout(resolve, 20));
        };
        export default {
          {{(beforeUp.Length == 0 ? "" : $"beforeUp: async (pool) => {{ {beforeUp} }},")}}
          up: async (pool) => { {{up}} await pause(pool, '{{number}}'); },
          {{(beforeDown.Length == 0 ? "" : $"beforeDown: async (pool) => {{ {beforeDown} }},")}}
          down: async (pool) => { {{(down.Length == 0 ? "" : $"{down} await pause(pool, 'down-{number}');")}} },
        };
        """,
        Token);

    public static string FileName(int number, string name, string version = "1.43.0") => $"{version}-{1_900_000_000 + number}-{name}.js";

    /// <summary>Every row of every table as JSON, in the same order whenever it is the same.</summary>
    public async Task<IReadOnlyDictionary<string, JsonObject[]>> RowsAsync()
    {
        var rows = new SortedDictionary<string, JsonObject[]>(StringComparer.Ordinal);
        await using var connection = await Server.OpenAsync(Database, Token);
        foreach (var table in await connection.QueryAsync<string>("select format('%I', tablename) from pg_tables where schemaname = 'public'", Token))
        {
            rows[table] = [.. (await connection.QueryAsync<string>($"select to_jsonb(t)::text from {table} t", Token)).Select(row => JsonNode.Parse(row)!.AsObject())];
        }

        return rows;
    }

    /// <summary>All definitions and all rows, as the server's own tool writes them.</summary>
    public async Task<string> DumpAsync()
    {
        var dump = await Tool.RunAsync(Path.Combine(PostgresClients.For(Server.Major), "pg_dump"), [Url], cancellationToken: Token);
        return string.Join('\n', dump.StandardOutput.Split('\n').Where(line => !line.StartsWith("\\restrict", StringComparison.Ordinal) && !line.StartsWith("\\unrestrict", StringComparison.Ordinal)));
    }

    /// <summary>The scratch databases of this one, and the roles for them.</summary>
    public static async Task<IReadOnlyList<string>> ScratchAsync(PostgresServer server, string database) =>
    [
        .. await server.QueryAsync<string>("postgres", $"select datname::text from pg_database where starts_with(datname::text, '{database[..Math.Min(17, database.Length)]}_scratch_')", Token),
        .. await server.QueryAsync<string>("postgres", $"select rolname::text from pg_roles where starts_with(rolname::text, 'logto_tenant_{database[..Math.Min(17, database.Length)]}_scratch_')", Token),
    ];

    public async Task LeavesNothingAsync() => Assert.Empty(await ScratchAsync(Server, Database));

    public ValueTask DisposeAsync() => Target.DisposeAsync();
}
