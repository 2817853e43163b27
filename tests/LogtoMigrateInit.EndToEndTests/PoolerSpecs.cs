using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>PgBouncer in transaction mode between the gate, the real CLI and the server.</summary>
public sealed class PoolerSpecs(SharedServers servers)
{
    /// <summary>What slonik sends (createClientConfiguration.js), as PgBouncer's documentation says to ignore it.</summary>
    private const string WhatSlonikSends = "statement_timeout,idle_in_transaction_session_timeout,extra_float_digits,options";

    [Fact(Timeout = 240_000)]
    public async Task Replicas_behind_a_pooler_deploy_once_with_concurrent_indexes_and_leave_no_lock()
    {
        await using var scenario = await Scenario.CreateAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var pooler = await PgBouncer.StartAsync(scenario.Server, WhatSlonikSends, FakeWorld.Token);
        var variables = scenario.Variables(("DB_URL", pooler.Url(scenario.Database)));

        var results = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token)));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(results, result => result.StandardError.Contains("22 alterations deployed", StringComparison.Ordinal));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
        await scenario.Server.WaitUntilAsync(
            scenario.Database,
            "not exists (select from pg_locks l join pg_database d on d.oid = l.database where l.locktype = 'advisory' and d.datname = current_database())",
            FakeWorld.Token);

        // The pooler's idle connections keep the name of the CLI, and are no orphans.
        Assert.NotEqual(0L, await scenario.Server.QuerySingleAsync<long>(
            scenario.Database, "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init%'", FakeWorld.Token));
        await scenario.ExecuteAsync("update systems set value = value || '{\"timestamp\": 1786414712}' where key = 'alterationState'; drop table cimd_grant_client_snapshots cascade");
        Expect.Ending(Expect.Success, await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token));
    }

    [Fact(Timeout = 120_000)]
    public async Task What_the_CLI_needs_of_the_pooler_is_explained_before_the_deploy()
    {
        await using var scenario = await Scenario.CreateAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var pooler = await PgBouncer.StartAsync(scenario.Server, "extra_float_digits", FakeWorld.Token);

        var result = await scenario.RunAsync("migrate", ("DB_URL", pooler.Url(scenario.Database)));

        Expect.Ending(6, result);
        const string Setting = "ignore_startup_parameters = extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout";
        var explained = result.LogLines.Index().First(line => line.Item.Contains(Setting, StringComparison.Ordinal)).Index;
        Assert.DoesNotContain(result.LogLines.Take(explained), line => line.Contains("Logto's CLI (", StringComparison.Ordinal));
        Assert.Contains(Setting, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(new LogtoRelease("1.40.1").LastTimestamp, await scenario.StateAsync());
    }

    [Fact(Timeout = 120_000)]
    public async Task A_lock_timeout_that_a_pooler_would_drop_is_refused()
    {
        await using var scenario = await Scenario.CreateAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var pooler = await PgBouncer.StartAsync(scenario.Server, WhatSlonikSends, FakeWorld.Token);

        var result = await scenario.RunAsync("migrate", ("DB_URL", pooler.Url(scenario.Database)), ("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "5"));

        Expect.Ending(14, result);
        Assert.Contains("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_killed_holder_behind_a_pooler_leaves_no_lock()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var pooler = await PgBouncer.StartAsync(world.Server, WhatSlonikSends, FakeWorld.Token);
        await using var holder = world.Start("hold", ("DB_URL", pooler.Url(world.Database)));
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);

        holder.Kill();

        Expect.Ending(Expect.Success, await world.RunAsync("deploy", ("DB_URL", pooler.Url(world.Database))));
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }
}
