using System.Diagnostics;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Rehearsal;

/// <summary>A rehearsal that cannot be made, is ended, or is not alone: nothing is begun, and nothing stays.</summary>
public sealed class RehearsalFaultSpecs(SharedServers servers)
{
    private static readonly (string Name, string? Value) Full = ("LOGTO_INIT_REHEARSE", "full");
    private static readonly (string Name, string? Value) NoBackup = ("LOGTO_INIT_BACKUP_DIR", null);

    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 600_000)]
    [InlineData("nocreatedb", "may not create databases")]
    [InlineData("nocreaterole", "may not create roles")]
    public async Task A_user_without_a_right_that_a_copy_needs_is_told_which(string attribute, string reason)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} {attribute}", Token);

        await NotBegunAsync(world, reason, Full, NoBackup);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_database_that_is_larger_than_the_limit_is_not_copied_with_its_rows()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        await NotBegunAsync(world, "LOGTO_INIT_SCRATCH_MAX_MB", Full, NoBackup, ("LOGTO_INIT_SCRATCH_MAX_MB", "1"));
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", ("LOGTO_INIT_REHEARSE", "schema"), NoBackup, ("LOGTO_INIT_SCRATCH_MAX_MB", "1")));
    }

    [Fact(Timeout = 600_000)]
    public async Task Behind_a_pooler_the_server_itself_must_be_named()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var pooler = await PgBouncer.StartAsync(world.Server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", Token);

        await NotBegunAsync(world, "LOGTO_INIT_DIRECT_URL", Full, NoBackup, ("DB_URL", pooler.Url(world.Database)));
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", Full, NoBackup, ("DB_URL", pooler.Url(world.Database)), ("LOGTO_INIT_DIRECT_URL", world.Server.Url(world.Database))));
        Assert.Empty(await LogtoWorld.ScratchAsync(world.Server, world.Database));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_server_that_has_no_room_for_the_copy_is_named_and_the_copy_is_gone()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can mount a small file system.");
        await using var world = await BackupWorld.CreateAsync(servers);
        var small = await ServerUser.CreateDirectoryAsync(Token);
        await Tool.RunAsync("mount", ["-t", "tmpfs", "-o", "size=400k", "tmpfs", small], cancellationToken: Token);
        await Tool.RunAsync("chown", [$"{ServerUser.Name}:", small], cancellationToken: Token);
        var space = $"small_{world.Database}";
        try
        {
            await world.Server.ExecuteAsync("postgres", $"create tablespace {space} location '{small}'", Token);
            await world.Server.ExecuteAsync("postgres", $"grant create on tablespace {space} to {world.Owner}; alter role {world.Owner} set default_tablespace = {space}", Token);
            await world.Server.ExecuteAsync(world.Database, "create table large as select i, repeat('x', 100) as text from generate_series(1, 10000) i; alter table large enable row level security", Token);
            await world.Server.ExecuteAsync(world.Database, $"alter table large owner to {world.Owner}", Token);

            await NotBegunAsync(world, "No space left on device", Full, NoBackup);

            await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} reset default_tablespace", Token);
            Expect.Ending(Expect.Success, await world.RunAsync("migrate", Full, NoBackup));
            await world.Server.ExecuteAsync("postgres", $"revoke create on tablespace {space} from {world.Owner}", Token);
            await world.Server.ExecuteAsync("postgres", $"drop tablespace {space}", Token);
        }
        finally
        {
            await Tool.RunAsync("umount", [small], cancellationToken: Token);
            Directory.Delete(small);
        }
    }

    [Fact(Timeout = 600_000)]
    public async Task A_rehearsed_deploy_that_takes_longer_than_allowed_counts_as_failed()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        await NotBegunAsync(world, "longer than 1 s (LOGTO_INIT_REHEARSE_MAX_SECONDS)", Full, NoBackup, ("FAKE_CLI", "hang"), ("LOGTO_INIT_REHEARSE_MAX_SECONDS", "1"));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task The_time_in_which_the_CLI_waits_for_the_seed_is_not_its_own()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        using var node = new CountingNode("case \"$*\" in *' db seed'*) sleep 8 ;; esac"); // longer than the limit

        Expect.Ending(Expect.Success, await world.RunAsync("migrate", Full, NoBackup, ("LOGTO_INIT_NODE", node.Path), ("LOGTO_INIT_REHEARSE_MAX_SECONDS", "7")));
    }

    [Fact(Timeout = 600_000)]
    public async Task The_shorter_of_two_limits_is_the_one_that_is_named()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        await NotBegunAsync(
            world, "longer than 1 s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
            Full, NoBackup, ("FAKE_CLI", "hang"), ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "1"), ("LOGTO_INIT_REHEARSE_MAX_SECONDS", "60"));
    }

    /// <summary>The copy holds the rows of all users; and it goes although the connection that made it is cut.</summary>
    [Fact(Timeout = 600_000)]
    public async Task Nobody_else_may_connect_to_a_copy_and_it_is_dropped_over_another_connection_when_the_first_is_cut()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using var gate = world.Start(["rehearse"], Full, ("FAKE_CLI", "hold"));
        var copy = $"datname like '{world.Database}_scratch_%'";
        await world.Server.WaitUntilAsync("postgres", $"exists (select from pg_stat_activity where {copy} and application_name like 'logto-migrate-init-cli%')", Token);
        Assert.Empty(await world.Server.QueryAsync<string>("postgres", $"select datname::text from pg_database where {copy} and has_database_privilege('public', oid, 'CONNECT')", Token));

        await world.Server.ExecuteAsync("postgres", $"select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres' and usename = '{world.Owner}'", Token);
        await world.World.Cli.LetGoAsync(Token);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Assert.DoesNotContain("could not be removed", result.StandardError, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task A_cli_that_fails_half_way_on_the_copy_is_not_started_on_the_real_database()
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        await NotBegunAsync(world, FakeWorld.Alterations[2], Full, NoBackup, ("FAKE_CLI", "fail-half-way"));
        Assert.All(await DeploysAsync(world), url => Assert.Contains("_scratch_", url, StringComparison.Ordinal));
    }

    [Theory(Timeout = 600_000)]
    [InlineData(false, "the database could not be read; the last look saw it wait for a lock of pid")]
    [InlineData(true, "pg_dump waited 1 s (LOGTO_INIT_LOCK_TIMEOUT_SECONDS) for a lock of pid")] // the lock comes after the first look
    public async Task Who_blocks_a_rehearsal_is_named_and_the_wait_has_an_end(bool dumpWaits, string reason)
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: "case $* in *--schema-only*) [ ! -e \"$TMPDIR/stop\" ] || { : > \"$TMPDIR/begun\"; while [ ! -e \"$TMPDIR/go\" ]; do sleep 0.1; done; } ;; esac");
        var signs = dumpWaits ? Directory.CreateTempSubdirectory("signs-").FullName : null;
        if (signs is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(signs, "stop"), "", Token);
        }

        await using var blocker = await world.OpenAsync(world.Owner, PostgresDatabases.OwnerPassword);
        await using var lockTable = new NpgsqlCommand("begin; lock table users in access exclusive mode", blocker);
        if (!dumpWaits)
        {
            await world.Server.ExecuteAsync(world.Database, $"alter role {world.Owner} set statement_timeout = '5s'", Token); // each look has half a minute otherwise
            await lockTable.ExecuteNonQueryAsync(Token);
        }

        await using var gate = world.Start(["migrate"], Full, NoBackup, ("TMPDIR", signs), ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "5"), ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1"));
        if (dumpWaits)
        {
            while (!File.Exists(Path.Combine(signs!, "begun")))
            {
                await Task.Delay(20, Token);
            }

            await lockTable.ExecuteNonQueryAsync(Token);
            await File.WriteAllTextAsync(Path.Combine(signs!, "go"), "", Token);
        }

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(16, result);
        Assert.Contains(reason, result.LogLines[^1], StringComparison.Ordinal);
        Assert.Empty(await LogtoWorld.ScratchAsync(world.Server, world.Database));
        if (signs is not null)
        {
            Directory.Delete(signs, recursive: true);
        }
    }

    [Theory(Timeout = 600_000)]
    [InlineData("migrate")]
    [InlineData("rehearse")]
    [InlineData("check", "--drift")]
    public async Task While_another_process_runs_the_CLI_of_the_installation_nothing_is_begun(params string[] command)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        if (command[0] == "check")
        {
            await world.Server.ExecuteAsync(world.Database, $"update systems set value = value || '{{\"timestamp\": {FakeWorld.After}}}'", Token); // nothing is pending
        }

        using var other = Process.Start(new ProcessStartInfo("flock", [world.World.Cli.CliDirectory, "sh", "-c", "echo locked; read -r end"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await using var untilDisposedOf = other.StandardInput;
        Assert.Equal("locked", await other.StandardOutput.ReadLineAsync(Token));

        var result = await world.RunAsync(command, Full, NoBackup, ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1"));

        Expect.Ending(16, result);
        Assert.Contains($"another process still runs Logto's CLI in {world.World.Cli.CliDirectory} after 1 s", result.LogLines[^1], StringComparison.Ordinal);
        Assert.Empty(await world.World.Cli.RunsAsync(Token));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 900_000)]
    [InlineData(Signals.Kill)]
    [InlineData(Signals.Terminate)]
    public async Task Ended_while_the_CLI_works_on_the_copy_it_leaves_what_the_next_run_removes(int signal)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await using (var gate = world.Start(["migrate"], Full, NoBackup, ("FAKE_CLI", "hold"), ("LOGTO_INIT_LOG_LEVEL", "debug")))
        {
            await gate.WaitForLineAsync("Rehearsed 1/3", cancellationToken: Token);
            gate.Signal(signal);
            Assert.Equal(128 + signal, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        }

        Assert.Equal(signal == Signals.Kill, (await LogtoWorld.ScratchAsync(world.Server, world.Database)).Count > 0);
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());

        Expect.Ending(Expect.Success, await world.RunAsync("migrate", Full, NoBackup));
        Assert.Equal(FakeWorld.After, await world.World.StateAsync());
        Assert.Empty(await LogtoWorld.ScratchAsync(world.Server, world.Database));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 900_000)]
    [InlineData("--section=pre-data")]
    [InlineData("--section=data")]
    [InlineData("--section=post-data")]
    [InlineData("--schema-only")]
    public async Task Killed_while_the_copy_is_made_it_leaves_what_the_next_run_removes(string step)
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: $"case $* in *{step}*) [ -e \"$TMPDIR/go\" ] || {{ : > \"$TMPDIR/begun\"; exec sleep 60; }} ;; esac");
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;
        await using (var gate = world.Start(["rehearse"], ("TMPDIR", signs)))
        {
            while (!File.Exists(Path.Combine(signs, "begun")))
            {
                await Task.Delay(20, Token);
            }

            gate.Kill();
            await gate.WaitForExitAsync(cancellationToken: Token);
        }

        await File.WriteAllTextAsync(Path.Combine(signs, "go"), "", Token);
        var result = await world.RunAsync(["rehearse"], ("TMPDIR", signs));
        Expect.Ending(Expect.Success, result);
        var left = await LogtoWorld.ScratchAsync(world.Server, world.Database);
        Assert.True(left.Count == 0, $"{string.Join(", ", left)}: {result}");
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());
        await world.LeavesNothingAsync();
        Directory.Delete(signs, recursive: true);
    }

    [Fact(Timeout = 1_200_000)]
    public async Task Ten_replicas_at_once_make_one_backup_and_one_rehearsal_of_it()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} connection limit 100", Token);

        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => world.RunAsync("migrate", Full)));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(world.Dumps);
        Assert.Equal(2, (await DeploysAsync(world)).Count); // one on the copy, one on the real database
        Assert.Single(results, result => result.StandardError.Contains("Rehearsed: ", StringComparison.Ordinal));
        await world.LeavesNothingAsync();
        Assert.Empty(await LogtoWorld.ScratchAsync(world.Server, world.Database));
    }

    [Fact(Timeout = 600_000)]
    public async Task What_a_rehearsal_does_to_roles_does_not_reach_those_of_the_real_database()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        const string Roles = "select rolname || ' ' || rolcanlogin || ' ' || coalesce((select string_agg(g.rolname, ',') from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid), '') from pg_roles r order by 1";
        var before = await world.Server.QueryAsync<string>("postgres", Roles, Token);
        var rows = await world.RowsAsync();

        Expect.Ending(Expect.Success, await world.RunAsync(["rehearse", "--output", "json"], ("LOGTO_INIT_LOG_LEVEL", "debug")));

        Assert.Equal(
            before.Where(role => role.Contains(world.Database, StringComparison.Ordinal)),
            (await world.Server.QueryAsync<string>("postgres", Roles, Token)).Where(role => role.Contains(world.Database, StringComparison.Ordinal)));
        Assert.Equal(rows, await world.RowsAsync());
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task Nothing_pending_is_said_and_makes_no_copy()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate", NoBackup));

        var result = await world.RunAsync(["rehearse"], ("LOGTO_INIT_PG_BIN", "/nonexistent"));

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("nothing was pending", result);
        Assert.Empty(result.StandardOutput);
    }

    /// <summary>The URLs of the runs of the CLI that deployed.</summary>
    private static async Task<IReadOnlyList<string>> DeploysAsync(BackupWorld world) =>
        [.. (await world.World.Cli.RunsAsync(Token)).Where(run => run.Arguments.Contains("deploy")).Select(run => run.Variables["DB_URL"])];

    /// <summary>The deploy ends with 16 and the reason in its last line, and the real database is as it was.</summary>
    private static async Task NotBegunAsync(BackupWorld world, string reason, params (string Name, string? Value)[] more)
    {
        var result = await world.RunAsync("migrate", more);

        Expect.Ending(16, result);
        Assert.Contains(reason, result.LogLines[^1], StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.World.StateAsync());
        Assert.Empty(await LogtoWorld.ScratchAsync(world.Server, world.Database));
    }
}
