using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>The connection of a replica that waits, as the server sees it.</summary>
public sealed class WaitingConnectionSpecs(TestServer server)
{
    private static readonly Timings Default = new(TimeSpan.FromSeconds(60));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact(Timeout = 150_000)]
    public async Task It_is_kept_outside_of_any_transaction_so_that_a_concurrent_index_build_ends()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var holding = await database.OpenAsync(Token);
        await using var held = await MigrationLock.TryTakeAsync(holding, Default, NullLogger.Instance, Token);
        await using var waiting = new WaitingConnection(database);
        var connection = await waiting.TakeAsync(Token);
        Assert.Null(await MigrationLock.TryTakeAsync(connection, Default, NullLogger.Instance, Token));
        Assert.True(await LockQueries.IsTakenAsync(connection, Token));

        await waiting.KeepOrCloseAsync(connection, Token);

        await server.ExecuteAsync(name, "create table t (id int)");
        await server.ExecuteAsync(name, "set statement_timeout = '10s'; set lock_timeout = '10s'");
        await server.ExecuteAsync(name, "create index concurrently i on t (id)");
        Assert.Same(connection, await waiting.TakeAsync(Token));
        await waiting.KeepOrCloseAsync(connection, Token);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_limit_on_idle_sessions_does_not_end_it()
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync("postgres", $"alter database {name} set idle_session_timeout = '1s'");
        await using var database = server.Connect(name);
        await using var waiting = new WaitingConnection(database);
        var connection = await waiting.TakeAsync(Token);

        await waiting.KeepOrCloseAsync(connection, Token);

        await using var command = new NpgsqlCommand("show idle_session_timeout", connection);
        Assert.Equal("0", await command.ExecuteScalarAsync(Token));
    }

    [Fact(Timeout = 150_000)]
    public async Task One_that_the_server_has_ended_is_replaced()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var waiting = new WaitingConnection(database);
        var lost = await waiting.TakeAsync(Token);
        await waiting.KeepOrCloseAsync(lost, Token);
        await server.ExecuteAsync("postgres", $"select pg_terminate_backend({lost.ProcessID})");

        await using var next = await waiting.TakeAsync(Token);

        Assert.NotSame(lost, next);
        Assert.False(await LockQueries.IsTakenAsync(next, Token));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("alter role {0} connection limit 6")]
    [InlineData("alter database {1} connection limit 6")]
    public async Task The_youngest_give_up_first_until_more_than_half_of_the_slots_are_free(string limit)
    {
        var name = await server.CreateDatabaseAsync();
        var user = await server.Server.CreateOwnerAsync(name, Token);
        await server.ExecuteAsync("postgres", string.Format(null, limit, user, name));
        await using var database = TestServer.Connect(server.Server.Url(name, user, PostgresDatabases.OwnerPassword));
        var waiting = Enumerable.Range(0, 4).Select(_ => new WaitingConnection(database)).ToList();
        var connections = new List<NpgsqlConnection>();
        foreach (var each in waiting)
        {
            connections.Add(await each.TakeAsync(Token));
        }

        // The oldest decides first and must not give up because of the younger ones.
        foreach (var (each, connection) in waiting.Zip(connections))
        {
            await each.KeepOrCloseAsync(connection, Token);
        }

        bool[] kept = [.. connections.Select(connection => connection.State == System.Data.ConnectionState.Open)];
        foreach (var each in waiting)
        {
            await each.DisposeAsync();
        }

        Assert.Equal([true, true, false, false], kept);
    }

    [Fact(Timeout = 300_000)]
    public async Task Behind_a_pooler_it_is_given_up()
    {
        await using var pooler = await PgBouncer.StartAsync(server.Server, "extra_float_digits,options", Token);
        await using var database = TestServer.Connect(pooler.Url(await server.CreateDatabaseAsync()));
        await using var waiting = new WaitingConnection(database);
        var connection = await waiting.TakeAsync(Token);

        await waiting.KeepOrCloseAsync(connection, Token);

        Assert.Equal(System.Data.ConnectionState.Closed, connection.State);
    }
}
