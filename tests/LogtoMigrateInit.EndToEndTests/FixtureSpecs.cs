using LogtoMigrateInit.Fixtures;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedServers))]

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The tools of the other tests do what the real things do.</summary>
public sealed class FixtureSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 60_000)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    public async Task Every_supported_server_starts(int major)
    {
        var server = await servers.GetAsync(major);

        var version = await server.QuerySingleAsync<string>("postgres", "show server_version_num", Token);

        Assert.StartsWith($"{major}", version, StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task PostgreSQL_runs_although_its_user_may_not_enter_where_it_is_installed()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root's servers run as somebody else");
        var closed = Directory.CreateTempSubdirectory("logto closed ");
        try
        {
            await Tool.RunAsync("cp", ["-a", Repository.Postgres(18), Path.Combine(closed.FullName, "postgres")], cancellationToken: Token);

            var reachable = await ServerPrograms.ReachableAsync(Path.Combine(closed.FullName, "postgres"));

            Assert.DoesNotContain(closed.FullName, reachable, StringComparison.Ordinal);
        }
        finally
        {
            closed.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task A_server_that_crashed_comes_back_on_its_port_with_its_data()
    {
        await using var server = await PostgresServer.StartAsync(18, cancellationToken: Token);
        var port = server.Port;
        await server.ExecuteAsync("postgres", "create table kept ()", Token);

        await server.StopAsync(StopMode.Immediate);
        await server.StartAgainAsync(Token);
        await server.RestartAsync(new Dictionary<string, string> { ["max_connections"] = "30" }, Token);

        Assert.Equal(port, server.Port);
        Assert.Equal("30", await server.QuerySingleAsync<string>("postgres", "show max_connections", Token));
        Assert.NotNull(await server.QuerySingleAsync<string>("postgres", "select to_regclass('kept')::text", Token));
    }

    [Theory(Timeout = 60_000)]
    [InlineData("deploy", 0, 1899999904)]
    [InlineData("nothing", 0, 1899999900)]
    [InlineData("fail-half-way", 1, 1899999902)]
    [InlineData("flood", 0, 1899999904)]
    [InlineData("print-url", 0, 1899999904)]
    [InlineData("too-many-connections", 1, 1899999900)]
    [InlineData("no-answer", 1, 1899999900)]
    public async Task The_fake_CLI_leaves_the_state_that_its_mode_says(string mode, int exitCode, int state)
    {
        var server = await servers.GetAsync(18);
        var database = await FakeCli.CreateDatabaseAsync(server, 1899999900, Token);
        await using var fake = await FakeCli.CreateAsync(
            Enumerable.Range(1899999901, 4).Select(timestamp => $"1.43.0-{timestamp}-a.js"), cancellationToken: Token);

        var result = await fake.RunAsync(server.Url(database), mode, Token);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal(state, await server.StateAsync(database, Token));
        Assert.Equal(["db", "alteration", "deploy", "next"], Assert.Single(await fake.RunsAsync(Token)).Arguments);
    }

    [Fact(Timeout = 60_000)]
    public async Task The_fake_CLI_holds_after_one_alteration_until_it_is_let_go()
    {
        var server = await servers.GetAsync(18);
        var database = await FakeCli.CreateDatabaseAsync(server, 1899999900, Token);
        await using var fake = await FakeCli.CreateAsync(["next-1899999901-a.js", "next-1899999902-b.js"], cancellationToken: Token);

        var run = fake.RunAsync(server.Url(database), "hold", Token);
        while (await server.StateAsync(database, Token) != 1899999901)
        {
            Assert.False(run.IsCompleted);
        }

        await fake.LetGoAsync(Token);

        Assert.Equal(0, (await run).ExitCode);
        Assert.Equal(1899999902, await server.StateAsync(database, Token));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("1.37.1")]
    [InlineData("1.43.0")]
    public async Task A_seeded_copy_satisfies_the_release_that_seeded_it(string version)
    {
        var release = new LogtoRelease(version);
        var (server, database) = await servers.SeededAsync(18, release, Token);
        await using var npm = await release.CopyAsync(Token);
        await using var image = await release.ToImageLayoutAsync(Token);

        Assert.Equal(release.LastTimestamp, await server.StateAsync(database, Token));
        Assert.True((await npm.PreconditionsAsync(server.Url(database), Token)).WouldStart);
        Assert.True((await image.PreconditionsAsync(server.Url(database), Token)).WouldStart);
        await image.CliAsync(server.Url(database), ["db", "alteration", "deploy", "next"], Token);
    }
}
