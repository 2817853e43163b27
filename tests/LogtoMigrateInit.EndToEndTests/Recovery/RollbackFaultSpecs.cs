using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>A rollback that is killed, cut off or not alone: it carries on, or says where the data is.</summary>
public sealed class RollbackFaultSpecs(SharedServers servers) : IDisposable
{
    private const string Level = "1.43.0";
    private const decimal Top = 1_900_000_002;

    private readonly string _pauses = Directory.CreateTempSubdirectory("pauses-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact(Timeout = 1_500_000)]
    public async Task Killed_at_every_step_of_the_CLI_the_same_command_carries_on()
    {
        await using var world = await CreateAsync(18);
        var before = await world.Rehearsal.RowsAsync();
        foreach (var (step, state) in new[] { ("down-2", Top), ("down-1", Top - 1), ("down-0", Top - 2) })
        {
            await using (var gate = await StartToAsync(world, step))
            {
                gate.Kill();
                await gate.WaitForExitAsync(cancellationToken: Token);
            }

            Assert.Equal(state, await world.StateAsync());
            Go(step);
        }

        var last = await world.RunAsync(["rollback", Level, "--yes"], Paused(world));

        Expect.Ending(Expect.Success, last);
        Assert.Equal(Top - 3, await world.StateAsync());
        Assert.Equal(before["users"].Length, (await world.Rehearsal.RowsAsync())["users"].Length);
        Assert.True(await world.Rehearsal.Server.QuerySingleAsync<bool>(world.Database, "select indisvalid from pg_index where indexrelid = 'users__before'::regclass", Token));
        Assert.False(await world.Rehearsal.Server.QuerySingleAsync<bool>(world.Database, "select to_regclass('badges') is not null", Token));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task A_CLI_that_cannot_start_on_the_copy_blames_no_alteration_and_leads_to_no_restore()
    {
        await using var world = await CreateAsync(17);
        Expect.Ending(Expect.Success, await world.RunAsync(["backup"]));
        using var node = new CountingNode("case \"$*\" in *' alteration rollback'*) echo 'error Error: EEXIST: file already exists, mkdir' >&2; exit 1 ;; esac");

        var result = await world.RunAsync(["rollback", Level, "--yes"], ("LOGTO_INIT_NODE", node.Path));

        Expect.Ending(16, result);
        Assert.Contains("Logto's CLI could not start: Error: EEXIST: file already exists, mkdir (exit code 1). It began no alteration.", result.LastLine, StringComparison.Ordinal);
        Assert.DoesNotContain("logto-migrate-init restore", result.LastLine, StringComparison.Ordinal);
        Assert.Equal(Top, await world.StateAsync());
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Killed_while_it_builds_an_index_outside_of_a_transaction_the_next_run_builds_it_again()
    {
        await using var world = await CreateAsync(14);
        await using var gate = await StartToAsync(world, "down-2");
        await using var blocker = await world.Rehearsal.Server.OpenAsync(world.Database, Token);
        await using var transaction = blocker.CreateCommand();
        transaction.CommandText = "begin; select count(*) from users"; // the build waits for whoever has seen the table before it
        await transaction.ExecuteNonQueryAsync(Token);
        Go("down-2", "down-1", "down-0");
        await gate.WaitForLineAsync("waits for a lock", cancellationToken: Token);
        gate.Kill();
        await gate.WaitForExitAsync(cancellationToken: Token);
        transaction.CommandText = "commit";
        await transaction.ExecuteNonQueryAsync(Token);
        await blocker.DisposeAsync();

        var result = await world.RunAsync(["rollback", Level, "--yes"], Paused(world));

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("Dropped the index users__before on users", result);
        Assert.True(await world.Rehearsal.Server.QuerySingleAsync<bool>(world.Database, "select indisvalid from pg_index where indexrelid = 'users__before'::regclass", Token));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Cut_off_half_way_it_says_how_far_it_is_and_both_ways_on()
    {
        await using var world = await CreateAsync(17);
        Go("down-2");
        await using var gate = await StartToAsync(world, "down-1");
        await world.Rehearsal.Server.ExecuteAsync("postgres", $"select pg_terminate_backend({await File.ReadAllTextAsync(Path.Combine(_pauses, "at-down-1"), Token)})", Token);
        Go("down-1", "down-0");

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(18, result);
        Expect.LogContains("1 of 3 alterations are reverted, 1.44.0-1900000001-b.js is not", result);
        Expect.LogContains($"run `logto-migrate-init rollback {Level}` again", result);
        Expect.LogContains($"`logto-migrate-init restore {world.Dumps[^1]}`", result);
        Assert.Equal(Top - 1, await world.StateAsync());
        Expect.LogContains("1.44.0-1900000001-b.js is deployed, but the indexes that it builds outside its transaction are missing: users__after on users", await world.RunAsync(["check"]));
        Expect.Ending(Expect.Success, await world.RunAsync(["rollback", Level, "--yes"], Paused(world)));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task After_a_backup_of_half_of_it_the_one_from_before_is_still_there_and_restores_all()
    {
        await using var world = await CreateAsync(17);
        var before = await world.Rehearsal.RowsAsync();
        await using (var gate = await StartToAsync(world, "down-0", "down-2", "down-1"))
        {
            gate.Kill();
            await gate.WaitForExitAsync(cancellationToken: Token);
        }

        Go("down-0");
        Expect.Ending(Expect.Success, await world.RunAsync(["rollback", Level, "--yes"], [.. Paused(world), ("LOGTO_INIT_BACKUP_KEEP", "1")]));
        var first = Assert.Single(world.Dumps, dump => dump.Contains($"-{Top}-", StringComparison.Ordinal));
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", first, "--yes"]));

        var after = await world.Rehearsal.RowsAsync();
        Assert.Equal(before.Keys, after.Keys);
        Assert.All(before, table => Assert.Equal(table.Value.Select(row => row.ToJsonString()).Order(StringComparer.Ordinal), after[table.Key].Select(row => row.ToJsonString()).Order(StringComparer.Ordinal)));
    }

    [Fact(Timeout = 900_000)]
    public async Task Stopped_half_way_it_ends_at_once_and_carries_on_later()
    {
        await using var world = await CreateAsync(17);
        Go("down-2");
        await using var gate = await StartToAsync(world, "down-1");
        gate.Signal(Signals.Terminate);

        Expect.Ending(143, await gate.WaitForExitAsync(TimeSpan.FromSeconds(20), Token));

        Go("down-1", "down-0");
        Expect.Ending(Expect.Success, await world.RunAsync(["rollback", Level, "--yes"], Paused(world)));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task Without_its_lock_it_reverts_nothing_more()
    {
        await using var world = await CreateAsync(17);
        await using var gate = await StartToAsync(world, "down-2");
        await world.Rehearsal.Server.ExecuteAsync(
            world.Database, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())", Token);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(18, result);
        Expect.LogContains("lock was lost", result);
        Assert.Equal(Top, await world.StateAsync());
        Go("down-2", "down-1", "down-0");
        Expect.Ending(Expect.Success, await world.RunAsync(["rollback", Level, "--yes"], Paused(world)));
    }

    [Fact(Timeout = 1_500_000)]
    public async Task Killed_at_any_moment_the_state_says_what_is_there_and_the_next_run_succeeds()
    {
        await using var world = await CreateAsync(17);
        Expect.Ending(Expect.Success, await world.RollBackAsync(Level, "--yes"));
        await world.MigrateAsync();
        var whole = await world.RollBackAsync(Level, "--yes");
        Expect.Ending(Expect.Success, whole);
        await world.MigrateAsync();
        const int Kills = 6;
        for (var i = 1; i <= Kills; i++)
        {
            await using var gate = world.Start(Level, "--yes");
            var ended = gate.WaitForExitAsync(cancellationToken: Token);
            await Task.WhenAny(ended, Task.Delay(whole.Elapsed * i / Kills, Token)); // wherever it is by then
            gate.KillUnlessEnded();
            await ended;
            Assert.InRange(await world.StateAsync(), Top - 3, Top);
        }

        Expect.Ending(Expect.Success, await world.RollBackAsync(Level, "--yes"));
        Assert.Equal(Top - 3, await world.StateAsync());
        await world.LeavesNothingAsync();
        await world.MigrateAsync();
        Assert.Equal(Top, await world.StateAsync());
    }

    [Fact(Timeout = 900_000)]
    public async Task Of_two_at_once_one_reverts_and_the_other_finds_it_done_or_is_refused()
    {
        await using var world = await CreateAsync(17);

        var results = await Task.WhenAll(world.RollBackAsync(Level, "--yes"), world.RollBackAsync(Level, "--yes"));

        Assert.All(results, result => Assert.True(result.ExitCode is Expect.Success or 17, $"{result}"));
        Assert.Contains(results, result => result.ExitCode == Expect.Success && result.StandardError.Contains("is back at", StringComparison.Ordinal));
        Assert.Equal(Top - 3, await world.StateAsync());
        await world.LeavesNothingAsync();
    }

    public void Dispose() => Directory.Delete(_pauses, recursive: true);

    private async Task<RollbackWorld> CreateAsync(int major)
    {
        var world = await RollbackWorld.CreateAsync(servers, major);
        await world.AddAsync(0, "a", "await run(pool, 'alter table users add column badge text');", "await run(pool, 'alter table users drop column badge');");
        await world.AddAsync(
            1, "b", "await run(pool, 'drop index if exists users__before');", "await run(pool, 'select 1');",
            "await pool.query(sql`create index concurrently users__before on users (name)`); await pool.query(sql`drop index concurrently if exists users__after`);",
            "await pool.query(sql`create index concurrently if not exists users__after on users (name)`);");
        await world.AddAsync(2, "c", "await run(pool, 'create table badges (id int primary key)'); await run(pool, 'alter table badges enable row level security');", "await run(pool, 'drop table badges');");
        await world.MigrateAsync();
        await world.Rehearsal.ExecuteAsync("insert into users (tenant_id, id, badge) select 'default', 'user' || i, 'gold' from generate_series(1, 12) i; insert into badges select generate_series(1, 11)");
        return world;
    }

    /// <summary>Only in the real database; the rehearsal runs through.</summary>
    private (string Name, string? Value)[] Paused(RollbackWorld world) => [("TEST_PAUSE_FOLDER", _pauses), ("TEST_PAUSE_DATABASE", world.Database)];

    private void Go(params string[] steps)
    {
        foreach (var step in steps)
        {
            File.WriteAllText(Path.Combine(_pauses, $"go-{step}"), "");
        }
    }

    /// <summary>Starts a rollback and waits until the CLI stands at a step.</summary>
    private async Task<Gate> StartToAsync(RollbackWorld world, string step, params string[] passed)
    {
        Go(passed);
        var gate = world.Start(Level, ["--yes"], Paused(world));
        var ended = gate.WaitForExitAsync(cancellationToken: Token);
        while (!File.Exists(Path.Combine(_pauses, $"at-{step}")))
        {
            Assert.False(ended.IsCompleted, $"It ended before {step}:\n{gate.Log}");
            await Task.Delay(20, Token);
        }

        return gate;
    }
}
