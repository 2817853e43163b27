using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database with three alterations pending, and an installation whose CLI does as the test tells it.</summary>
internal sealed class FakeWorld : IAsyncDisposable
{
    public const decimal Before = 1779421396;
    public const decimal After = 1786431364;
    public const int Pending = 3;

    public static readonly string[] Alterations =
        ["1.40.0-1779421396-first.js", "1.41.0-1782375106-second.js", "1.42.0-1784620000-third.js", "1.43.0-1786431364-fourth.js"];

    private FakeWorld(PostgresServer server, string database, FakeCli cli) => (Server, Database, Cli) = (server, database, cli);

    public PostgresServer Server { get; }

    public string Database { get; }

    public FakeCli Cli { get; }

    public static Task<FakeWorld> CreateAsync(SharedServers servers, decimal state = Before) => CreateAsync(servers.GetAsync(17), state);

    public static async Task<FakeWorld> CreateAsync(Task<PostgresServer> server, decimal state = Before) =>
        new(await server, await FakeCli.CreateDatabaseAsync(await server, state, Token), await FakeCli.CreateAsync(Alterations, cancellationToken: Token));

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public Dictionary<string, string?> Variables(string mode = "deploy", params (string Name, string? Value)[] more)
    {
        var variables = Cli.Variables(Server.Url(Database), mode);
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        return variables;
    }

    public Gate Start(string mode = "deploy", params (string Name, string? Value)[] more) => Gate.Start([], Variables(mode, more));

    public Task<GateResult> RunAsync(string mode = "deploy", params (string Name, string? Value)[] more) =>
        Gate.RunAsync([], Variables(mode, more), cancellationToken: Token);

    public Task<GateResult> CheckAsync(params (string Name, string? Value)[] more) =>
        Gate.RunAsync(["check"], Variables("nothing", more), cancellationToken: Token);

    public Task<decimal> StateAsync() => Server.StateAsync(Database, Token);

    /// <summary>What must be true after every fault: a plain run succeeds, and no lock, no session and no process is left.</summary>
    public async Task RecoversAsync()
    {
        var result = await RunAsync();
        Assert.True(result.ExitCode == 0, $"{result}");
        Assert.Equal(After, await StateAsync());
        await LeavesNothingAsync();
    }

    public async Task LeavesNothingAsync()
    {
        await WaitUntilAsync("not exists (select from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init%')");
        Assert.False(await Server.QuerySingleAsync<bool>(
            Database, "select exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))", Token));
        foreach (var run in await Cli.RunsAsync(Token))
        {
            Assert.False(Signals.IsAlive(run.Pid), $"the CLI with pid {run.Pid} is still running");
        }
    }

    public Task WaitUntilAsync(string condition) => Server.WaitUntilAsync(Database, condition, Token);

    /// <summary>The address of the database behind a proxy.</summary>
    public static (string Name, string? Value) Through(TcpProxy proxy, FakeWorld world) =>
        ("DB_URL", world.Server.Url(world.Database).Replace($":{world.Server.Port}/", $":{proxy.Port}/", StringComparison.Ordinal));

    /// <summary>The last line of the log, which an operator reads first.</summary>
    public static string LastLine(GateResult result) => result.LogLines[^1];

    public ValueTask DisposeAsync() => Cli.DisposeAsync();
}
