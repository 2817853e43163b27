using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Whatever a migration or a look waits for is named within seconds, with what ends the wait.</summary>
public sealed class WaitSpecs(SharedServers servers)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [Theory(Timeout = 300_000)]
    [InlineData("migrate")]
    [InlineData("check")]
    public async Task Who_has_locked_the_table_that_an_inspection_reads_is_named(string command)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var variables = await OwnersAsync(world);
        await using var blocker = await LockSystemsAsync(world);
        await using var gate = Gate.Start([command], variables);

        var line = await gate.WaitForLineAsync("waits for a lock", Soon, FakeWorld.Token);

        Assert.Contains($"pid {blocker.ProcessID}", line, StringComparison.Ordinal);
        await blocker.CloseAsync();
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("migrate", Traits = ["Run", "quick"])]
    [InlineData("check")]
    public async Task Who_has_locked_it_for_too_long_is_named_in_the_last_line(string command)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var variables = await OwnersAsync(world);
        await using var blocker = await LockSystemsAsync(world);
        await world.Server.ExecuteAsync(world.Database, $"alter role {PostgresDatabases.OwnerOf(world.Database)} set statement_timeout = '8s'", FakeWorld.Token);
        variables["LOGTO_INIT_CONNECT_TIMEOUT_SECONDS"] = "1";

        var result = await Gate.RunAsync([command], variables, cancellationToken: FakeWorld.Token);

        Expect.Ending(3, result);
        Assert.Contains($"pid {blocker.ProcessID}", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.DoesNotContain("host", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task A_prepared_transaction_is_named_with_what_ends_it(int major)
    {
        await using var server = await PostgresServer.StartAsync(major, new Dictionary<string, string> { ["max_prepared_transactions"] = "5" }, FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        var variables = await OwnersAsync(world);
        await server.ExecuteAsync(world.Database, "begin; lock table systems in share mode; prepare transaction 'it''s forgotten'", FakeWorld.Token);
        await using var gate = Gate.Start([], variables);

        var line = await gate.WaitForLineAsync("prepared transaction", Soon, FakeWorld.Token);

        const string Remedy = "rollback prepared 'it''s forgotten'";
        Assert.Contains(Remedy, line, StringComparison.Ordinal);
        await server.ExecuteAsync(world.Database, Remedy, FakeWorld.Token);
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_prepared_transaction_that_locks_the_table_that_an_inspection_reads_is_named()
    {
        await using var server = await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["max_prepared_transactions"] = "5" }, FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        var variables = await OwnersAsync(world);
        await server.ExecuteAsync(world.Database, "begin; lock table systems in access exclusive mode; prepare transaction 'forgotten'", FakeWorld.Token);
        await using var gate = Gate.Start([], variables);

        Assert.Contains("rollback prepared 'forgotten'", await gate.WaitForLineAsync("prepared transaction", Soon, FakeWorld.Token), StringComparison.Ordinal);

        await server.ExecuteAsync(world.Database, "rollback prepared 'forgotten'", FakeWorld.Token);
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_synchronous_standby_that_is_missing_is_named()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        var variables = await OwnersAsync(world);
        await server.ExecuteAsync("postgres", "alter system set synchronous_standby_names = 'missing'", FakeWorld.Token);
        await server.ExecuteAsync("postgres", "select pg_reload_conf()", FakeWorld.Token);
        await using var gate = Gate.Start([], variables);

        Assert.Contains("synchronous_standby_names is 'missing'", await gate.WaitForLineAsync("synchronous standby", Soon, FakeWorld.Token), StringComparison.Ordinal);

        await server.ExecuteAsync("postgres", "alter system reset synchronous_standby_names", FakeWorld.Token);
        await server.ExecuteAsync("postgres", "select pg_reload_conf()", FakeWorld.Token);
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    private static async Task<NpgsqlConnection> LockSystemsAsync(FakeWorld world)
    {
        var blocker = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        await using var statement = new NpgsqlCommand("begin; lock table systems in access exclusive mode", blocker);
        await statement.ExecuteNonQueryAsync(FakeWorld.Token);
        return blocker;
    }

    /// <summary>For an ordinary owner, who sees little of other roles' sessions.</summary>
    private static async Task<Dictionary<string, string?>> OwnersAsync(FakeWorld world)
    {
        var user = await world.Server.CreateOwnerAsync(world.Database, FakeWorld.Token);
        return world.Variables("deploy", ("DB_URL", world.Server.Url(world.Database, user, PostgresDatabases.OwnerPassword)));
    }
}
