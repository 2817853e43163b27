using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>A restore that is killed, stopped, or not alone: at every moment a database of the name is there, and the same command carries on.</summary>
public sealed class RestoreFaultSpecs(SharedServers servers)
{
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 900_000)]
    [InlineData(Signals.Kill)]
    [InlineData(Signals.Terminate)]
    public async Task Ended_while_the_copy_is_filled_it_leaves_what_the_next_run_removes(int signal)
    {
        await using var world = await BackupWorld.CreateAsync(servers, script: "case $* in *dbname=*) [ -e \"$TMPDIR/go\" ] || { : > \"$TMPDIR/begun\"; exec sleep 60; } ;; esac");
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();
        await using (var gate = world.Start(["restore", dump, "--yes"], ("TMPDIR", signs)))
        {
            while (!File.Exists(Path.Combine(signs, "begun")))
            {
                await Task.Delay(20, Token);
            }

            Assert.Single(await world.RelativesAsync("scratch"));
            gate.Signal(signal);
            Assert.Equal(128 + signal, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        }

        Assert.Equal(signal == Signals.Kill ? 1 : 0, (await world.RelativesAsync("scratch")).Count);
        await File.WriteAllTextAsync(Path.Combine(signs, "go"), "", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"], ("TMPDIR", signs)));
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();
        Directory.Delete(signs, recursive: true);
    }

    [Fact(Timeout = 900_000)]
    public async Task Killed_while_the_swap_waits_it_has_changed_nothing()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await KillWhileTheSwapWaitsAsync(world, dump);

        Expect.LogContains("The scratch database " + Assert.Single(await world.RelativesAsync("scratch")), await world.RunAsync(["check", "--deep"]));

        // Its session notices only when the statement has ended.
        await world.Server.WaitUntilAsync("postgres", $"not exists (select from pg_stat_activity where query like 'alter database \"{world.Database}\" rename%')", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Single(await world.RelativesAsync("before"));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Roles_that_a_killed_restore_has_made_go_with_the_next_run_and_those_of_a_finished_one_stay()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var parent = $"logto_tenant_{world.Database}";
        var dump = await world.BackUpAsync();
        foreach (var role in await RolesAsync(""))
        {
            await world.Server.ExecuteAsync(world.Database, $"drop owned by {role}; drop role {role}", Token);
        }

        await KillWhileTheSwapWaitsAsync(world, dump);

        var left = await RolesAsync("");
        Assert.True(left.Count >= 2, string.Join(", ", left));
        await world.Server.WaitUntilAsync("postgres", $"not exists (select from pg_stat_activity where query like 'alter database \"{world.Database}\" rename%')", Token);
        Expect.Ending(17, await world.RunAsync(["restore", dump])); // not confirmed
        Assert.Empty(await RolesAsync(""));

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Equal(left, await RolesAsync("and shobj_description(oid, 'pg_authid') is null"));
        await world.LeavesNothingAsync();

        Task<IReadOnlyList<string>> RolesAsync(string condition) => world.Server.QueryAsync<string>(
            "postgres", $"select rolname::text from pg_roles where starts_with(rolname, '{parent}') {condition} order by 1", Token);
    }

    [Fact(Timeout = 1_500_000)]
    public async Task Killed_at_any_moment_it_leaves_a_database_of_the_name_and_the_next_run_succeeds()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();
        var whole = await world.RunAsync(["restore", dump, "--yes"]);
        Expect.Ending(Expect.Success, whole);
        const int Kills = 12;
        for (var i = 1; i <= Kills; i++)
        {
            await using var gate = world.Start(["restore", dump, "--yes"]);
            var ended = gate.WaitForExitAsync(cancellationToken: Token);
            await Task.WhenAny(ended, Task.Delay(whole.Elapsed * i / Kills, Token)); // wherever it is by then
            gate.KillUnlessEnded();
            await ended;
            Assert.True(await world.Server.DatabaseExistsAsync(world.Database, Token));
            Assert.Equal(before, await world.RowsAsync());
        }

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Of_two_restores_at_once_one_is_refused_or_comes_after_the_other()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();

        var results = await Task.WhenAll(world.RunAsync(["restore", dump, "--yes"]), world.RunAsync(["restore", dump, "--yes"]));

        Assert.Contains(results, result => result.ExitCode == Expect.Success);
        Assert.All(results, result => Assert.True(result.ExitCode is Expect.Success or 17, $"{result}"));
        Assert.Equal(results.Count(result => result.ExitCode == Expect.Success), (await world.RelativesAsync("before")).Count);
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_lock_that_is_lost_while_the_copy_is_filled_ends_the_restore_and_leaves_nothing()
    {
        await using var world = await BackupWorld.CreateAsync(
            servers, script: "case $* in *dbname=*) [ -e \"$TMPDIR/go\" ] || { : > \"$TMPDIR/begun\"; exec sleep 600; } ;; esac");
        var dump = await world.BackUpAsync();
        var signs = Directory.CreateTempSubdirectory("signs-").FullName;
        await using var restore = world.Start(["restore", dump, "--yes"], ("TMPDIR", signs));
        while (!File.Exists(Path.Combine(signs, "begun")))
        {
            await Task.Delay(20, Token);
        }

        await world.Server.ExecuteAsync(world.Database, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())", Token);

        var result = await restore.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(17, result);
        Assert.Contains("the migration lock was lost", result.LastLine, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
        Directory.Delete(signs, recursive: true);
    }

    /// <summary>The swap's transaction is rolled back, so that the copy of production can be dropped.</summary>
    [Theory(Timeout = 900_000)]
    [InlineData("select pg_cancel_backend(pid) from pg_stat_activity where query ~ '^alter database .* rename'", 17)]
    [InlineData("select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^alter database .* rename'", 17)]
    [InlineData("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres' and usename = '$owner' and query !~ 'rename'", 17)]
    [InlineData(null, 143)]
    public async Task A_swap_that_fails_or_is_stopped_changes_nothing_and_leaves_nothing(string? fault, int exitCode)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();
        await using var restore = world.Start(["restore", dump, "--yes"]);
        await restore.WaitForLineAsync("Restoring", Soon, Token);
        await using (await world.Server.OpenAsync(world.Database, Token)) // a superuser's session, which the owner cannot end
        {
            await world.Server.WaitUntilAsync("postgres", $"exists (select from pg_stat_activity where query like 'alter database \"{world.Database}\" rename%' and state = 'active')", Token);
            if (fault is null)
            {
                restore.Signal(Signals.Terminate);
            }
            else
            {
                await world.Server.ExecuteAsync("postgres", fault.Replace("$owner", world.Owner, StringComparison.Ordinal), Token);
            }

            Expect.Ending(exitCode, await restore.WaitForExitAsync(cancellationToken: Token));
        }

        await world.LeavesNothingAsync();
        Assert.Equal(before, await world.RowsAsync());
    }

    [Fact(Timeout = 900_000)]
    public async Task A_check_that_starts_during_the_swap_and_a_Logto_that_connects_wait_for_its_end_and_find_a_database()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        GateResult restored;
        do
        {
            await using var restore = world.Start(["restore", dump, "--yes"]);
            await using var check = await StartDuringSwapAsync(world, restore);
            restored = await restore.WaitForExitAsync(cancellationToken: Token);
            Expect.Ending(Expect.Pending, await check.WaitForExitAsync(cancellationToken: Token));
        }
        while (restored.ExitCode == 17); // the server waits for five seconds, and then the session was still there

        Expect.Ending(Expect.Success, restored);
    }

    /// <summary>Starts a check and a session of Logto's while the swap waits for a session, and returns when both wait for the swap.</summary>
    private static async Task<Gate> StartDuringSwapAsync(BackupWorld world, Gate restore)
    {
        const string Swap = "state = 'active' and query like 'alter database % rename%'";
        Task<NpgsqlConnection> logto;
        Gate check;
        await restore.WaitForLineAsync("Restoring", Soon, Token);
        await using (await world.Server.OpenAsync(world.Database, Token)) // a superuser's session, which the owner cannot end
        {
            await world.Server.WaitUntilAsync("postgres", $"exists (select from pg_stat_activity where {Swap})", Token);
            logto = ConnectAsync(world);
            check = Gate.Start(["check"], world.Variables());
            await world.Server.WaitUntilAsync(
                "postgres",
                $"""
                not exists (select from pg_stat_activity where {Swap})
                  or (select count(*) from pg_locks where not granted and locktype = 'object' and classid = 'pg_database'::regclass) >= 2
                """,
                Token);
        }

        await restore.WaitForExitAsync(cancellationToken: Token);
        await (await logto).DisposeAsync();
        return check;
    }

    /// <summary>As Logto does: tries again when the server says that there is no such database, which it says to who waits for the swap.</summary>
    private static async Task<NpgsqlConnection> ConnectAsync(BackupWorld world)
    {
        while (true)
        {
            try
            {
                return await world.OpenAsync(world.Owner, PostgresDatabases.OwnerPassword);
            }
            catch (PostgresException none) when (none.SqlState == PostgresErrorCodes.InvalidCatalogName)
            {
                // The next attempt finds the restored one.
            }
        }
    }

    [Fact(Timeout = 900_000)]
    public async Task While_another_run_migrates_nothing_is_restored()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await using var holder = world.Start([], ("FAKE_CLI", "hold"), ("LOGTO_INIT_BACKUP_DIR", null));
        await holder.WaitForLineAsync("1/3", cancellationToken: Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(17, result);
        Assert.Contains("another run is active in this database", result.LastLine, StringComparison.Ordinal);
        await world.World.Cli.LetGoAsync(Token);
        Expect.Ending(Expect.Success, await holder.WaitForExitAsync(cancellationToken: Token));
    }

    [Fact(Timeout = 900_000)]
    public async Task A_database_that_is_gone_or_damaged_is_restored_too()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();
        await world.Server.ExecuteAsync(world.Database, "drop table systems; drop table users cascade", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Equal(before, await world.RowsAsync());

        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} allow_connections false", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Equal(before, await world.RowsAsync());

        await world.Server.ExecuteAsync("postgres", $"drop database {world.Database}", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();
    }

    private static async Task KillWhileTheSwapWaitsAsync(BackupWorld world, string dump)
    {
        await using var gate = world.Start(["restore", dump, "--yes"]);
        await gate.WaitForLineAsync("Restoring", Soon, Token);
        await using var superusers = await world.Server.OpenAsync(world.Database, Token); // the owner cannot end this session
        await world.Server.WaitUntilAsync("postgres", $"exists (select from pg_stat_activity where query like 'alter database \"{world.Database}\" rename%' and state = 'active')", Token);
        gate.Kill();
        await gate.WaitForExitAsync(cancellationToken: Token);
    }
}
