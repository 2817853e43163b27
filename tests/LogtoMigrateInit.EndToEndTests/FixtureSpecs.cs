using System.Diagnostics;
using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;
using Xunit.v3;

[assembly: TestPipelineStartup(typeof(InstalledFixtures))]
[assembly: AssemblyFixture(typeof(SharedServers))]

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The tools of the other tests do what the real things do.</summary>
public sealed class FixtureSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
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

    [Theory(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
    public async Task The_fake_CLI_holds_after_one_alteration_until_it_is_let_go()
    {
        var server = await servers.GetAsync(18);
        var database = await FakeCli.CreateDatabaseAsync(server, 1899999900, Token);
        await using var fake = await FakeCli.CreateAsync(["next-1899999901-a.js", "next-1899999902-b.js"], cancellationToken: Token);

        var run = fake.RunAsync(server.Url(database), "hold", Token);
        await server.WaitUntilAsync(database, "(select value->>'timestamp' = '1899999901' from systems where key = 'alterationState')", Token);
        Assert.False(run.IsCompleted);

        await fake.LetGoAsync(Token);

        Assert.Equal(0, (await run).ExitCode);
        Assert.Equal(1899999902, await server.StateAsync(database, Token));
    }

    [Theory(Timeout = 600_000)]
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

    [Theory(Timeout = 600_000)]
    [InlineData(14, "1.42.0")]
    [InlineData(18, "1.43.0")]
    public async Task A_copied_seed_is_what_a_seed_by_its_owner_is(int major, string version)
    {
        var release = new LogtoRelease(version);
        var server = await servers.GetAsync(major);
        var (seeded, copied) = (PostgresDatabases.UniqueName("own-seed"), PostgresDatabases.UniqueName("own-copy"));
        var owner = PostgresDatabases.UniqueName("owner");
        await server.CreateUserAsync(owner, PostgresDatabases.OwnerPassword, "createdb createrole", Token);
        await server.CreateDatabaseAsync(seeded, owner, Token);
        await server.ExecuteAsync(seeded, $"alter schema public owner to {owner}", Token);

        await release.SeedAsync(server.Url(seeded, owner, PostgresDatabases.OwnerPassword), Token);
        await servers.SeedAsync(server, copied, owner, release, cancellationToken: Token);
        await server.ExecuteAsync(copied, $"alter schema public owner to {owner}", Token);

        Assert.Equal(await DescribeAsync(seeded), await DescribeAsync(copied));

        async Task<string> DescribeAsync(string database)
        {
            var roles = $"logto_tenant_{database.Replace('-', '_')}";
            var dump = await Tool.RunAsync(
                Path.Combine(PostgresClients.For(major), "pg_dump"), ["--schema-only", server.Url(database, owner, PostgresDatabases.OwnerPassword)], cancellationToken: Token);
            var others = await server.QueryAsync<string>(
                database,
                $"""
                select (to_jsonb(r) - 'oid' - 'rolpassword' || jsonb_build_object('password', rolpassword is not null))::text from pg_authid r where starts_with(rolname, '{roles}')
                union all
                select (to_jsonb(m) - 'oid' || jsonb_build_object('roleid', roleid::regrole, 'member', member::regrole, 'grantor', grantor::regrole))::text
                  from pg_auth_members m where starts_with(roleid::regrole::text, '{roles}')
                union all
                select id || ' ' || db_user || ' ' || length(db_user_password) from tenants
                union all
                select datname || ' ' || datdba::regrole || ' ' || coalesce(datacl::text, '') from pg_database where datname = current_database()
                order by 1
                """,
                Token);
            Assert.True(others.Count >= 8, $"{others.Count} lines about roles and tenants");
            return string.Join('\n', dump.StandardOutput.Split('\n').Where(line => !line.Contains("restrict ", StringComparison.Ordinal)).Concat(others))
                .Replace(roles, "logto_tenant_DATABASE", StringComparison.Ordinal)
                .Replace(database, "DATABASE", StringComparison.Ordinal);
        }
    }

    /// <summary>One process in the run's session, one in a session of its own, and one in neither that names no folder.</summary>
    [Theory(Timeout = 600_000)]
    [InlineData(Signals.Hangup, 129)]
    [InlineData(Signals.Interrupt, 130)]
    [InlineData(Signals.Terminate, 143)]
    [InlineData(Signals.Kill, 137)]
    public async Task A_stopped_run_of_the_tests_leaves_no_process_and_no_file(int signal, int exitCode)
    {
        const string Command = """
            env -i sleep 1000 & one=$!
            setsid sleep 1000 & two=$!
            setsid sh -c 'env -i sleep 1000 & echo $! >"$TMPDIR/third"; wait' & touch "$TMPDIR/file" "$LOGTO_TESTS_MEMORY/file"
            while [ ! -s "$TMPDIR/third" ]; do :; done
            echo "$one $two $(cat "$TMPDIR/third") $TMPDIR $LOGTO_TESTS_MEMORY $(grep SigIgn /proc/$$/status | cut -f 2)"
            wait
            """;
        var contained = Path.Combine(Repository.Root, "tests", "contained.sh");
        using var run = Process.Start(new ProcessStartInfo(contained, ["sh", "-c", Command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var words = (await run.StandardOutput.ReadLineAsync(Token))!.Split(' ');

        Assert.Equal(0, int.Parse(words[^1][^1..], NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0b110); // SIGINT and SIGQUIT
        Signals.Send(run.Id, signal);
        await run.WaitForExitAsync(Token);
        if (signal == Signals.Kill)
        {
            Assert.All(words[..3], pid => Assert.True(Signals.IsAlive(int.Parse(pid, CultureInfo.InvariantCulture))));
            await Tool.RunAsync(contained, ["true"], cancellationToken: Token);
        }

        Assert.Equal(exitCode, run.ExitCode);
        Assert.All(words[..3], pid => Assert.False(Signals.IsAlive(int.Parse(pid, CultureInfo.InvariantCulture))));
        Assert.All(words[3..^1], folder => Assert.False(Directory.Exists(folder)));
    }
}
