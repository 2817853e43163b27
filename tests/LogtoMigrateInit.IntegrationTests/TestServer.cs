using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.IntegrationTests;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;
using Xunit.v3;

[assembly: TestPipelineStartup(typeof(InstalledFixtures))]
[assembly: AssemblyFixture(typeof(TestServer))]
[assembly: AssemblyFixture(typeof(SharedServers))]

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>One PostgreSQL server for all tests of this project; each test makes a database of its own.</summary>
public sealed class TestServer : IAsyncLifetime
{
    private int _databases;

    public PostgresServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync(17);

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>Creates an empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync("postgres", $"create database {name}");
        return name;
    }

    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await Server.OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> QueryAsync<T>(string database, string sql)
    {
        await using var connection = await Server.OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The product's own way to a database.</summary>
    internal LogtoDatabase Connect(string database, params (string Name, string Value)[] variables)
    {
        var environment = variables.Append(("DB_URL", Server.Url(database))).DistinctBy(each => each.Item1).ToDictionary(each => each.Item1, each => each.Item2);
        return Connect(environment);
    }

    internal static LogtoDatabase Connect(string url) => Connect(new Dictionary<string, string> { ["DB_URL"] = url });

    private static LogtoDatabase Connect(Dictionary<string, string> environment)
    {
        var settings = SettingsReader.Read(environment, out var problems);
        Assert.Empty(problems);
        return new LogtoDatabase(settings!.Main, settings.ConnectTimeout, NullLogger<LogtoDatabase>.Instance);
    }

    /// <summary>Waits until a query answers true.</summary>
    public Task WaitUntilAsync(string database, string condition) => Server.WaitUntilAsync(database, condition, TestContext.Current.CancellationToken);
}
