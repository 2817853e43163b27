using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Servers that are not there, not yet there, or say no. Each test has a server of its own.</summary>
public sealed class ServerSpecs(SharedServers servers)
{
    private static readonly (string, string?) OneSecond = ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "1");

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task A_server_that_is_not_up_yet_is_waited_for()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await server.StopAsync();
        await using var gate = world.Start();
        await gate.WaitForLineAsync("Waiting for the database", cancellationToken: FakeWorld.Token);

        await server.StartAgainAsync(FakeWorld.Token);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    /// <summary>A first attempt of five seconds would use a time-out of five up.</summary>
    [Fact(Timeout = 600_000)]
    public async Task The_time_for_connecting_counts_from_the_first_failure()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await using var proxy = new TcpProxy((await servers.GetAsync(17)).Port);
        proxy.SwallowAll();
        await using var gate = world.Start("nothing", ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "5"), FakeWorld.Through(proxy, world));

        await gate.WaitForLineAsync("Waiting for the database", cancellationToken: FakeWorld.Token);
        proxy.SwallowNoMore();

        Assert.Equal(0, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_server_that_stays_down_is_exit_code_3()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await server.StopAsync();

        await EndsAsync(world, 3, "how long the program waits (1 s)", OneSecond);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_standby_is_waited_for_until_it_is_promoted()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        await BecomeStandbyAsync(server);
        await EndsAsync(world, 4, "in recovery", OneSecond);
        await using var gate = world.Start();
        await gate.WaitForLineAsync("in recovery", cancellationToken: FakeWorld.Token);

        await server.ExecuteAsync(world.Database, "select pg_promote()", FakeWorld.Token);

        Assert.Equal(0, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_standby_with_nothing_pending_is_only_a_warning()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server), FakeWorld.After);
        await BecomeStandbyAsync(server);

        var result = await world.RunAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(result.LogLines, line => line.Contains("WRN The server is in recovery", StringComparison.Ordinal));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("check")]
    [InlineData("check --wait")]
    [InlineData("migrate")]
    public async Task A_read_only_server_and_an_invalid_index_are_warnings_of_check_too(string words)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await world.Server.ExecuteAsync(
            world.Database, $"update pg_index set indisvalid = false where indexrelid = 'users_pkey'::regclass; alter database \"{world.Database}\" set default_transaction_read_only = on", FakeWorld.Token);

        var result = await Gate.RunAsync(words.Split(' '), world.Variables(), cancellationToken: FakeWorld.Token);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("The index users_pkey is invalid", result);
        Expect.LogContains("The server is read-only", result);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_check_with_something_pending_does_not_say_of_a_read_only_server_that_nothing_is()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"alter database \"{world.Database}\" set default_transaction_read_only = on", FakeWorld.Token);

        var result = await world.CheckAsync();

        Expect.Ending(Expect.Pending, result);
        Assert.DoesNotContain("Nothing is pending", $"{result}", StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_read_only_database_is_exit_code_4_when_alterations_are_pending()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"alter database \"{world.Database}\" set default_transaction_read_only = on", FakeWorld.Token);

        await EndsAsync(world, 4, "read-only", OneSecond);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_full_server_is_waited_for()
    {
        await using var server = await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["max_connections"] = "12", ["max_wal_senders"] = "0" }, FakeWorld.Token);
        await using var world = await FakeWorld.CreateAsync(Task.FromResult(server));
        var connections = new List<NpgsqlConnection>();
        try
        {
            while (connections.Count < 12)
            {
                connections.Add(await server.OpenAsync("postgres", FakeWorld.Token));
            }

            await EndsAsync(world, 3, "53300", OneSecond);
            await using var gate = world.Start();
            await gate.WaitForLineAsync("53300", cancellationToken: FakeWorld.Token);
            await CloseAsync(connections);

            Assert.Equal(0, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
        }
        finally
        {
            await CloseAsync(connections);
        }
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_wrong_password_fails_at_once_and_is_not_shown()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await EndsAsync(world, 4, "password authentication failed", ("DB_URL", world.Server.Url(world.Database, password: "wr0ng-s3cret")));

        Assert.DoesNotContain("wr0ng-s3cret", $"{result}", StringComparison.Ordinal);
        Assert.DoesNotContain("Waiting", $"{result}", StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("migrate", "false", "set LOGTO_INIT_SEED=create for one start")]
    [InlineData("migrate", "true", "LOGTO_INIT_SEED=true seeds only a database that exists")]
    [InlineData("check", "create", "run `logto-migrate-init migrate`, which creates and seeds the database")]
    public async Task An_unknown_database_is_exit_code_4_and_names_what_is_not_set_yet(string command, string seed, string advice)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(
            [command], world.Variables("deploy", ("DB_URL", world.Server.Url("no_such_database")), ("LOGTO_INIT_SEED", seed)), cancellationToken: FakeWorld.Token);

        Expect.Ending(4, result);
        Assert.Contains(advice, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.False(await world.Server.DatabaseExistsAsync("no_such_database", FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_missing_database_that_cannot_be_created_is_exit_code_4_with_the_statement_that_creates_it()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: FakeWorld.Token);
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        await server.CreateUserAsync("powerless", "pw", cancellationToken: FakeWorld.Token);
        var variables = new Dictionary<string, string?>
        {
            ["DB_URL"] = server.Url("new", "powerless", "pw"),
            ["LOGTO_INIT_LOGTO_DIR"] = target.Directory,
            ["LOGTO_INIT_SEED"] = "create",
        };

        var refused = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
        await server.ExecuteAsync("template1", "alter database postgres rename to elsewhere", FakeWorld.Token);
        var missing = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);

        foreach (var (result, reason) in new[] { (refused, "permission denied to create database"), (missing, "database \"postgres\" does not exist") })
        {
            Expect.Ending(4, result);
            Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.Contains("`create database \"new\" owner \"powerless\"`", FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.DoesNotContain("LOGTO_INIT_SEED", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task A_host_that_does_not_resolve_is_exit_code_3()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        await EndsAsync(world, 3, "no-such-host.invalid", OneSecond, ("DB_URL", "postgresql://u:p@no-such-host.invalid:5432/logto"));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_role_that_may_not_read_the_state_is_refused()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.CreateUserAsync($"reader_{world.Database}", "pw", cancellationToken: FakeWorld.Token);

        await EndsAsync(world, 4, "permission denied", ("DB_URL", world.Server.Url(world.Database, $"reader_{world.Database}", "pw")));
    }

    [Fact(Timeout = 300_000)]
    public async Task An_sslmode_that_Logto_does_not_know_is_plaintext_with_a_warning()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        var result = await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database) + "?sslmode=verify-full"));

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("sslmode=verify-full", result.StandardError, StringComparison.Ordinal);
        await EndsAsync(world, 4, "", ("DB_URL", world.Server.Url(world.Database) + "?sslmode=require"));
    }

    private static async Task<GateResult> EndsAsync(FakeWorld world, int exitCode, string text, params (string Name, string? Value)[] more)
    {
        var result = await world.RunAsync("deploy", more);
        Assert.True(result.ExitCode == exitCode, $"{result}");
        Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Empty(await world.Cli.RunsAsync(FakeWorld.Token));
        return result;
    }

    /// <summary>A server with this file follows a primary; here there is none, so it stays in recovery.</summary>
    internal static async Task BecomeStandbyAsync(PostgresServer server)
    {
        await server.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(server.DataDirectory, "standby.signal"), "", FakeWorld.Token);
        await server.StartAgainAsync(FakeWorld.Token);
    }

    private static async Task CloseAsync(List<NpgsqlConnection> connections)
    {
        foreach (var connection in connections)
        {
            await connection.DisposeAsync();
        }

        connections.Clear();
    }
}
