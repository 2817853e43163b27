using System.Net;
using System.Net.Sockets;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Rehearsal;

/// <summary>The target's Logto is started on the copy, or on the database by <c>check --start</c>, asked, and stopped. A stand-in for its server answers.</summary>
public sealed class StartSpecs(SharedServers servers)
{
    private const string BreakKeys = "insert into logto_configs (tenant_id, key, value) values ('default', 'cimd', '\"text\"')";

    private static readonly LogtoRelease Before = new("1.40.1");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(17, Traits = ["Run", "quick"])]
    [InlineData(18)]
    public async Task A_rehearsal_ends_with_a_Logto_that_answers_for_both_tenants(int major)
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, major, Before);
        var before = await world.DumpAsync();

        var (result, report) = await world.RehearseAsync("--schema-only");
        Expect.Ending(Expect.Success, result);
        Assert.Equal("answered", (string)report["rehearsal"]!["start"]!["result"]!);
        Expect.LogContains("on 127.0.0.1 only", result);

        Assert.Contains("starts    yes, answered after ", (await world.RunAsync("rehearse")).StandardOutput, StringComparison.Ordinal);
        Assert.Contains("starts    not started: that was switched off", (await world.RunAsync(["rehearse", "--no-start"])).StandardOutput, StringComparison.Ordinal);
        Assert.Equal(before, await world.DumpAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    [Trait("Run", "quick")]
    public async Task Without_a_server_the_report_says_that_nothing_was_started()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17, Before);

        var result = await world.RunAsync(["rehearse", "--schema-only"]);

        Expect.Ending(Expect.Success, result);
        Assert.Contains("starts    not started: this installation has no Logto server", result.StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Timeout = 900_000)]
    [Trait("Run", "quick")]
    public async Task An_upgrade_with_which_Logto_does_not_work_is_not_begun_unless_the_start_is_switched_off()
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        await world.ExecuteAsync(BreakKeys);
        var state = await world.StateAsync();

        var (rehearsal, report) = await world.RehearseAsync("--schema-only");
        var migrate = await world.RunAsync("migrate", ("LOGTO_INIT_REHEARSE", "schema"));

        Assert.Equal("rehearsalFailed", (string)report["outcome"]!);
        Assert.Equal("failed", (string)report["rehearsal"]!["start"]!["result"]!);
        foreach (var result in new[] { rehearsal, migrate })
        {
            Expect.Ending(16, result);
            Assert.True(
                result.LastLine.Contains("it answers GET /api/status of the default tenant with status 500 instead of 204: Failed to create tenant: default Error: Expected object, received string.", StringComparison.Ordinal),
                result.LastLine);
        }

        Assert.Equal(state, await world.StateAsync());
        await world.LeavesNothingAsync();
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("LOGTO_INIT_REHEARSE", "schema"), ("LOGTO_INIT_REHEARSE_START", "false")));
        var check = await world.RunAsync(["check", "--start"]);
        Expect.Ending(7, check);
        Assert.Contains("Expected object, received string", check.LastLine, StringComparison.Ordinal);
    }

    [Theory(Timeout = 900_000)]
    [InlineData("deaf", "it did not listen within 3 s (LOGTO_INIT_START_TIMEOUT_SECONDS)")]
    [InlineData("hang", "it did not answer within 3 s (LOGTO_INIT_START_TIMEOUT_SECONDS)")]
    [InlineData("hang-busy", "it did not answer within 3 s (LOGTO_INIT_START_TIMEOUT_SECONDS)")]
    [InlineData("refuse", "it ended with exit code 0 before it answered: Error: undeployed alterations")]
    [InlineData("killed", "SIGKILL, probably because the container or the machine ran out of memory")]
    [InlineData("same-tenant", "/oidc for both tenants")]
    [InlineData("redirect", "it answers GET /api/status of the default tenant with status 302 instead of 204")]
    [InlineData("cut", "GET /api/status of the default tenant")]
    [InlineData("header", "it answers GET /api/status of the default tenant with no HTTP")]
    [InlineData("drip", "it did not answer within 3 s (LOGTO_INIT_START_TIMEOUT_SECONDS)")]
    [InlineData("same-key", null)]
    [InlineData("late", null)]
    [InlineData("flood", null)]
    [InlineData("port-taken", null)]
    public async Task However_Logto_misbehaves_it_is_said_and_nothing_is_left(string mode, string? reason)
    {
        await using var world = await UpToDateAsync();
        using var folder = new Folder();
        var timeout = reason?.Contains("within", StringComparison.Ordinal) == true ? "3" : "120";

        var result = await world.RunAsync(["check", "--start"], ("STAND_IN", mode), folder.Variable, ("LOGTO_INIT_START_TIMEOUT_SECONDS", timeout));

        Expect.Ending(reason is null ? Expect.Success : 7, result);
        Assert.Contains(reason ?? "and Logto itself, started here, answered after ", result.LastLine, StringComparison.Ordinal);
        await NothingIsLeftAsync(world, folder);
    }

    [Fact(Timeout = 900_000)]
    public async Task No_password_that_Logto_prints_is_shown()
    {
        await using var world = await UpToDateAsync();
        await world.ExecuteAsync(BreakKeys);

        var result = await world.RunAsync(["check", "--start"], ("STAND_IN", "loud"), ("LOGTO_INIT_LOG_LEVEL", "debug"));

        Expect.Ending(7, result);
        Assert.Contains("***@", result.LastLine, StringComparison.Ordinal);
        Assert.DoesNotContain(PostgresDatabases.OwnerPassword, $"{result}", StringComparison.Ordinal);
    }

    [Theory(Timeout = 900_000)]
    [InlineData("hang", Signals.Terminate)]
    [InlineData("hang", Signals.Kill)]
    [InlineData("hang-busy", Signals.Terminate)]
    [InlineData("hang-busy", Signals.Kill)]
    [InlineData("text", Signals.Terminate)]
    public async Task A_started_Logto_answers_at_no_other_address_and_does_not_outlive_the_program(string mode, int signal)
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        using var folder = new Folder();
        await using (var gate = Gate.Start(["rehearse", "--schema-only"], world.Variables(("STAND_IN", mode), folder.Variable)))
        {
            var asked = Path.Combine(folder.Path, "asked");
            while (!File.Exists(asked))
            {
                Assert.False(gate.HasExited, gate.Log);
                await Task.Delay(20, Token);
            }

            foreach (var port in (await File.ReadAllTextAsync(asked, Token)).Split(' ').Skip(1).Select(int.Parse))
            {
                Assert.True(await AnswersAsync("127.0.0.1", port));
                Assert.False(await AnswersAsync("127.0.0.2", port)); // a socket on all addresses has this one too
            }

            gate.Signal(signal);
            Assert.Equal(128 + signal, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        }

        await NothingIsLeftAsync(world, folder);
        Expect.Ending(Expect.Success, await world.RunAsync(["rehearse", "--schema-only"]));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 900_000)]
    [InlineData(Signals.Terminate)]
    [InlineData(Signals.Kill)]
    public async Task Stopped_before_Logto_listens_it_leaves_no_role_that_can_log_in(int signal)
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        using var folder = new Folder();
        await using (var gate = Gate.Start(["rehearse", "--schema-only"], world.Variables(("STAND_IN", "deaf"), folder.Variable)))
        {
            while (!File.Exists(Path.Combine(folder.Path, "started-0")))
            {
                Assert.False(gate.HasExited, gate.Log);
                await Task.Delay(20, Token);
            }

            gate.Signal(signal);
            Assert.Equal(128 + signal, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        }

        await NothingIsLeftAsync(world, folder);
        if (signal == Signals.Kill)
        {
            Expect.Ending(Expect.Success, await world.RunAsync(["rehearse", "--schema-only"])); // the next run cleans up
        }

        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Roles_that_other_databases_may_share_are_left_alone()
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        var role = $"shared_{Guid.NewGuid():N}";
        var parent = PostgresDatabases.Quote($"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(world.Database, $"create role {role} login password 'shared' in role {parent}; update tenants set db_user = '{role}', db_user_password = 'shared' where id = 'default'", Token);

        var result = await world.RunAsync(["rehearse", "--schema-only"]);

        Expect.Ending(Expect.Success, result);
        Assert.Contains($"not started: the default tenant logs in as '{role}', which is not a role for this database alone", result.StandardOutput, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep"])); // its password is as it was
        await world.Server.ExecuteAsync(world.Database, $"drop owned by {role}; drop role {role}", Token);
    }

    [Fact(Timeout = 900_000)]
    public async Task A_server_that_lets_nobody_into_another_database_says_nothing_about_Logto()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        var database = await server.CreateDatabaseAsync(cancellationToken: Token);
        await Before.SeedAsync(server.Url(database), Token);
        await File.WriteAllTextAsync(Path.Combine(server.DataDirectory, "pg_hba.conf"), $"host all {PostgresServer.Superuser} all scram-sha-256\nhost {database} all all scram-sha-256\n", Token);
        await server.ExecuteAsync("postgres", "select pg_reload_conf()", Token);
        var target = await LogtoRelease.Newest.ToImageLayoutAsync(Token);
        await target.AddServerAsync(Token);
        await using var world = new LogtoWorld(server, database, target);

        var result = await world.RunAsync(["rehearse", "--schema-only"]);

        Expect.Ending(Expect.Success, result);
        Assert.Contains("starts    not started: the server does not let Logto's roles into the copy (", result.StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Timeout = 900_000)]
    public async Task Five_thousand_tenants_do_not_make_a_start_on_a_copy_without_large_tables_fail()
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        await world.ExecuteAsync("""
            insert into tenants (id, db_user, db_user_password, tag) select 'tenant' || i, 'nobody' || i, repeat('x', 100), 'production' from generate_series(1, 5000) i;
            insert into logto_configs (tenant_id, key, value) select 'tenant' || i, 'oidc.privateKeys', jsonb_build_array(repeat('x', 500)) from generate_series(1, 5000) i;
            """);

        var (result, report) = await world.RehearseAsync("--schema-only");

        Expect.Ending(Expect.Success, result);
        Assert.Equal("answered", (string)report["rehearsal"]!["start"]!["result"]!);
    }

    [Fact(Timeout = 900_000)]
    public async Task A_check_starts_Logto_only_when_nothing_is_pending_and_changes_nothing()
    {
        await using var world = await LogtoWorld.CreateWithServerAsync(servers, 17, Before);
        using var folder = new Folder();
        Expect.Ending(Expect.Pending, await world.RunAsync(["check", "--start"], folder.Variable));
        Assert.Empty(Directory.GetFiles(folder.Path));

        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        var before = await world.DumpAsync();
        var result = await world.RunAsync(["check", "--deep", "--start", "--output", "json"], folder.Variable);

        Expect.Ending(Expect.Success, result);
        Assert.Contains("\"result\": \"answered\"", result.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(before, await world.DumpAsync());
        await NothingIsLeftAsync(world, folder);
    }

    [Fact(Timeout = 900_000)]
    public async Task A_key_rotation_that_the_start_carries_out_is_announced()
    {
        await using var world = await UpToDateAsync();
        await world.ExecuteAsync("""
            insert into logto_configs (tenant_id, key, value) values ('default', 'signingKeyRotationState', '{"signingKeyRotationAt": 1710000000000}');
            update logto_configs set value = jsonb_build_array(value->0 || '{"id": "next", "status": "Next"}', value->0 || '{"status": "Current"}') where tenant_id = 'default' and key = 'oidc.privateKeys';
            """);

        var result = await world.RunAsync(["check", "--start"]);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("The rotation of a signing key is due for default", result);
    }

    [Fact(Timeout = 900_000)]
    public async Task Another_image_names_its_own_command()
    {
        await using var world = await UpToDateAsync();
        Directory.Move(world.Target.CoreDirectory, Path.Combine(world.Target.Directory, "packages", "other"));

        var without = await world.RunAsync(["check", "--start"]);
        var with = await world.RunAsync(["check", "--start"], ("LOGTO_INIT_START_COMMAND", $"{Repository.Node} packages/other/index.js"));

        Expect.Ending(16, without);
        Assert.Contains("this installation has no Logto server", without.LastLine, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, with);
    }

    private async Task<LogtoWorld> UpToDateAsync() => await LogtoWorld.CreateWithServerAsync(servers, 17, LogtoRelease.Newest);

    /// <summary>No process of any start, and no session of one.</summary>
    private static async Task NothingIsLeftAsync(LogtoWorld world, Folder folder)
    {
        foreach (var started in Directory.GetFiles(folder.Path, "started-*"))
        {
            var pid = int.Parse((await File.ReadAllTextAsync(started, Token)).Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
            while (Signals.IsAlive(pid))
            {
                await Task.Delay(20, Token); // the guard inside ends it when it sees that the program is gone
            }
        }

        await world.Server.WaitUntilAsync(
            "postgres", $"not exists (select from pg_stat_activity where application_name like 'logto-migrate-init-start-%' and datname like '{world.Database}%')", Token);
    }

    private static async Task<bool> AnswersAsync(string address, int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Parse(address), port, Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Where the stand-in leaves its notes.</summary>
    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("stand-in-").FullName;

        public (string Name, string? Value) Variable => ("STAND_IN_FOLDER", Path);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
