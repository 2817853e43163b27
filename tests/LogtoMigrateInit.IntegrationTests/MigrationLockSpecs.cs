using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>The lock, as the server sees it.</summary>
public sealed class MigrationLockSpecs(TestServer server)
{
    private static readonly Timings Default = new(TimeSpan.FromSeconds(60));
    private static readonly Timings Short = new(TimeSpan.FromSeconds(6));

    private const string Locked = "exists (select from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database()))";

    [Fact(Timeout = 150_000)]
    public async Task One_session_gets_the_lock_and_the_others_do_not()
    {
        await using var database = server.Connect(await server.CreateDatabaseAsync());
        await using var first = await TakeAsync(database);
        await using var second = await TakeAsync(database);

        Assert.NotNull(first);
        Assert.Null(second);
    }

    [Fact(Timeout = 150_000)]
    public async Task The_lock_of_one_database_does_not_hinder_another()
    {
        await using var one = server.Connect(await server.CreateDatabaseAsync());
        await using var other = server.Connect(await server.CreateDatabaseAsync());
        await using var first = await TakeAsync(one);
        await using var second = await TakeAsync(other);

        Assert.NotNull(second);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_released_lock_is_free_at_once()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        var held = await TakeAsync(database);
        Assert.True(await server.QueryAsync<bool>(name, $"select {Locked}"));
        await held!.DisposeAsync();

        await server.WaitUntilAsync(name, $"not {Locked}");
    }

    [Fact(Timeout = 150_000)]
    public async Task The_holder_keeps_no_snapshot_so_that_a_concurrent_index_build_ends()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var held = await TakeAsync(database);
        await server.ExecuteAsync(name, "create table t (id int)");

        await server.ExecuteAsync(name, "set statement_timeout = '10s'; set lock_timeout = '10s'");
        await server.ExecuteAsync(name, "create index concurrently i on t (id)");

        Assert.True(await server.QueryAsync<bool>(
            name, $"select backend_xmin is null from pg_stat_activity where application_name = '{SessionNames.Own}' and datname = '{name}'"));
    }

    [Fact(Timeout = 150_000)]
    public async Task A_lock_is_confirmed_by_the_server_and_one_that_is_lost_never_is()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var held = (await TakeAsync(database))!;
        await Task.WhenAll(held.ConfirmAsync(), held.ConfirmAsync());
        await held.ConfirmAsync();

        await server.ExecuteAsync("postgres", $"select pg_terminate_backend({held.Pid})");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(held.ConfirmAsync);
        Assert.True(held.Lost.IsCancellationRequested);
    }

    [Fact(Timeout = 150_000)]
    public async Task The_lock_is_a_lease_that_the_server_ends()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name, ("PGOPTIONS", "-c idle_in_transaction_session_timeout=1s -c transaction_timeout=1s"));
        await using var connection = await database.OpenAsync(TestContext.Current.CancellationToken);
        await using var held = await MigrationLock.TryTakeAsync(connection, Default, NullLogger.Instance, TestContext.Current.CancellationToken);

        await using var settings = new NpgsqlCommand("select current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('transaction_timeout')", connection);
        Assert.Equal("1min 0", await settings.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_lock_that_the_server_took_away_is_noticed()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var held = await TakeAsync(database);
        var lost = new TaskCompletionSource();
        await using var registration = held!.Lost.Register(lost.SetResult);

        await server.ExecuteAsync("postgres", $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and application_name = '{SessionNames.Own}'");

        await lost.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 150_000)]
    public async Task The_holder_is_named()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        await using var held = await TakeAsync(database);

        var holder = await database.WithConnectionAsync(LockQueries.FindHolderAsync, TestContext.Current.CancellationToken);

        Assert.Equal((SessionNames.Own, "postgres", "127.0.0.1"), (holder!.Application, holder.User, holder.Address));
    }

    [Fact(Timeout = 150_000)]
    public async Task Whatever_ends_the_beating_means_that_the_lock_is_lost()
    {
        await using var database = server.Connect(await server.CreateDatabaseAsync());
        var connection = await database.OpenAsync(TestContext.Current.CancellationToken);
        await using var held = await MigrationLock.TryTakeAsync(connection, Short, NullLogger.Instance, TestContext.Current.CancellationToken);
        var lost = new TaskCompletionSource();
        await using var registration = held!.Lost.Register(lost.SetResult);

        await connection.DisposeAsync(); // a beat then fails with an exception that no network has

        await lost.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 150_000)]
    public async Task Who_waits_sees_whether_the_lock_is_taken()
    {
        var name = await server.CreateDatabaseAsync();
        await using var database = server.Connect(name);
        var token = TestContext.Current.CancellationToken;
        Assert.False(await database.WithConnectionAsync(LockQueries.IsTakenAsync, token));
        var held = await TakeAsync(database);
        Assert.True(await database.WithConnectionAsync(LockQueries.IsTakenAsync, token));
        await held!.DisposeAsync();

        await server.WaitUntilAsync(name, $"not {Locked}");
        Assert.False(await database.WithConnectionAsync(LockQueries.IsTakenAsync, token));
    }

    private static async Task<MigrationLock?> TakeAsync(LogtoDatabase database)
    {
        var connection = await database.OpenAsync(TestContext.Current.CancellationToken);
        var taken = await MigrationLock.TryTakeAsync(connection, Default, NullLogger.Instance, TestContext.Current.CancellationToken);
        if (taken is null)
        {
            await connection.DisposeAsync();
        }

        return taken;
    }
}
