using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database, the installation of the target, and the gate between them.</summary>
internal sealed class Scenario(PostgresServer server, string database, LogtoInstallation target) : IAsyncDisposable
{
    public PostgresServer Server => server;

    public string Database => database;

    public LogtoInstallation Target => target;

    public string Url => server.Url(database);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A database that <paramref name="from"/> has seeded, and an npm installation of <paramref name="to"/>.</summary>
    public static async Task<Scenario> CreateAsync(SharedServers servers, int major, LogtoRelease from, LogtoRelease to)
    {
        var (server, database) = await servers.SeededAsync(major, from, Token);
        return new Scenario(server, database, await to.CopyAsync(Token));
    }

    public Dictionary<string, string?> Variables(params ReadOnlySpan<(string Name, string? Value)> more)
    {
        var variables = new Dictionary<string, string?> { ["DB_URL"] = Url, ["LOGTO_INIT_LOGTO_DIR"] = target.Directory };
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        return variables;
    }

    public Task<GateResult> RunAsync(string command, params ReadOnlySpan<(string Name, string? Value)> more) =>
        Gate.RunAsync([command], Variables(more), cancellationToken: Token);

    public Task<decimal> StateAsync() => server.StateAsync(database, Token);

    public Task ExecuteAsync(string sql) => server.ExecuteAsync(database, sql, Token);

    public Task<LogtoPreconditions> PreconditionsAsync() => target.PreconditionsAsync(Url, Token);

    public ValueTask DisposeAsync() => target.DisposeAsync();
}
