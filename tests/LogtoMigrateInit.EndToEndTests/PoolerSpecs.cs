using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>PgBouncer in transaction mode between the gate, the real CLI and the server.</summary>
public sealed class PoolerSpecs(SharedServers servers)
{
    /// <summary>What slonik sends (createClientConfiguration.js), as PgBouncer's documentation says to ignore it.</summary>
    private const string WhatSlonikSends = "statement_timeout,idle_in_transaction_session_timeout,extra_float_digits,options";

    [Theory(Timeout = 1_200_000)]
    [InlineData("")]
    [InlineData("server_reset_query_always = 1")]
    public async Task Replicas_behind_a_pooler_deploy_once_with_concurrent_indexes_and_leave_no_lock(string setting)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var pooler = await PgBouncer.StartAsync(
            scenario.Server, WhatSlonikSends, FakeWorld.Token, PgBouncer.KnowsAllRoles + "\n" + setting);
        var variables = scenario.Variables(("DB_URL", pooler.Url(scenario.Database)));

        var results = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token)));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Single(results, result => result.StandardError.Contains("22 alterations deployed", StringComparison.Ordinal));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
        await scenario.Server.WaitUntilAsync(
            scenario.Database,
            "not exists (select from pg_locks l join pg_database d on d.oid = l.database where l.locktype = 'advisory' and d.datname = current_database())",
            FakeWorld.Token);

        // Unless it resets them, the pooler's idle connections keep the name of the CLI, and are no orphans.
        Assert.Equal(setting.Length == 0, 0L < await scenario.Server.QuerySingleAsync<long>(
            scenario.Database, "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init%'", FakeWorld.Token));
        await scenario.ExecuteAsync("update systems set value = value || '{\"timestamp\": 1786414712}' where key = 'alterationState'; drop table cimd_grant_client_snapshots cascade");
        Expect.Ending(Expect.Success, await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task What_Logto_needs_of_the_pooler_is_explained_before_the_deploy()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var pooler = await PgBouncer.StartAsync(scenario.Server, "extra_float_digits", FakeWorld.Token);

        var result = await scenario.RunAsync("migrate", ("DB_URL", pooler.Url(scenario.Database)));

        Expect.Ending(4, result);
        Assert.Contains("unsupported startup parameter: statement_timeout", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains(
            "ignore_startup_parameters = extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout",
            FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(new LogtoRelease("1.40.1").LastTimestamp, await scenario.StateAsync());
    }

    [Theory(Timeout = 600_000)]
    [InlineData("extra_float_digits,options", null, "statement_timeout")]
    [InlineData("extra_float_digits,options", "DISABLE_TIMEOUT", "idle_in_transaction_session_timeout")]
    [InlineData("extra_float_digits,options,statement_timeout", "5000", "idle_in_transaction_session_timeout")]
    [InlineData("extra_float_digits,options,idle_in_transaction_session_timeout", "DISABLE_TIMEOUT", null)]
    [InlineData("extra_float_digits,options,idle_in_transaction_session_timeout", null, "statement_timeout")]
    public async Task A_pooler_that_refuses_Logtos_driver_is_found_with_nothing_pending_too(string ignored, string? timeout, string? refused)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await using var pooler = await PgBouncer.StartAsync(world.Server, ignored, FakeWorld.Token);

        var result = await world.RunAsync("deploy", ("DB_URL", pooler.Url(world.Database)), ("DATABASE_STATEMENT_TIMEOUT", timeout));

        Expect.Ending(refused is null ? Expect.Success : 4, result);
        if (refused is not null)
        {
            Assert.Contains($"unsupported startup parameter: {refused}", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
    }

    [Theory(Timeout = 600_000)]
    [InlineData("pool_mode = statement", 4, "set pool_mode of the connection pooler to transaction or session")]
    [InlineData("default_pool_size = 1\nquery_wait_timeout = 1", 3, "the connection pooler's pool was full: raise default_pool_size")]
    public async Task A_pooler_that_cannot_carry_a_migration_is_named_with_its_setting(string setting, int exitCode, string advice)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var pooler = await PgBouncer.StartAsync(world.Server, WhatSlonikSends, FakeWorld.Token, settings: setting);

        var result = await world.RunAsync("deploy", ("DB_URL", pooler.Url(world.Database)), ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "3"));

        Expect.Ending(exitCode, result);
        Assert.Contains(advice, FakeWorld.LastLine(result).Replace("Set pool_mode", "set pool_mode", StringComparison.Ordinal).Replace("The connection pooler's", "the connection pooler's", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Theory(Timeout = 600_000)]
    [InlineData("pool_mode = session")]
    [InlineData("pool_mode = session\ndefault_pool_size = 6")]
    [InlineData("idle_transaction_timeout = 20")]
    public async Task A_pooler_with_this_setting_carries_a_migration(string setting)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var pooler = await PgBouncer.StartAsync(world.Server, WhatSlonikSends, FakeWorld.Token, PgBouncer.KnowsAllRoles + "\n" + setting);

        Expect.Ending(Expect.Success, await world.RunAsync("deploy", ("DB_URL", pooler.Url(world.Database))));
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Fact(Timeout = 600_000)]
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
