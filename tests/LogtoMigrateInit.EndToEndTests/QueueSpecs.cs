using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Nobody waits for long behind an alteration that waits itself, and a concurrent build waits for as long as it has to.</summary>
public sealed class QueueSpecs(SharedServers servers)
{
    private const string WhatSlonikSends = "statement_timeout,idle_in_transaction_session_timeout,extra_float_digits,options";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 600_000)]
    [InlineData(false, Traits = ["Run", "quick"])]
    [InlineData(true)]
    public async Task An_alteration_that_lets_others_wait_gives_way_and_is_tried_again(bool pooled)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.AddAlterationAsync(1, "alter", "await run(pool, `alter table users add column test int`);");
        await using var pooler = pooled ? await PgBouncer.StartAsync(world.Server, WhatSlonikSends, Token) : null;
        var url = pooler?.Through(world.Url) ?? world.Url;
        await using var dump = await BeginAsync(world, "begin; select count(*) from users");
        await using var gate = Gate.Start(["migrate"], world.Variables(("DB_URL", url), ("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "2")));
        await gate.WaitForLineAsync("waits for a lock of", cancellationToken: Token);

        await using var logto = await world.Server.OpenAsync(world.Database, Token);
        await using var signIn = new NpgsqlCommand("select count(*) from users", logto);
        await signIn.ExecuteScalarAsync(Token); // ends although the dump goes on
        await gate.WaitForLineAsync("1 other session had waited behind it", cancellationToken: Token);
        await gate.WaitForLineAsync("attempt 2 of 6", cancellationToken: Token);
        await dump.DisposeAsync();

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(Expect.Success, result);
        Expect.LogContains("Other sessions wait behind the migration, which waits too: 1 other session", result);
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_signal_ends_the_pause_before_another_attempt_at_once()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.AddAlterationAsync(1, "alter", "await run(pool, `alter table users add column test int`);");
        await using var dump = await BeginAsync(world, "begin; select count(*) from users");
        await using var gate = Gate.Start(["migrate"], world.Variables(("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "1")));
        await using var logto = await world.Server.OpenAsync(world.Database, Token);
        for (var attempt = 2; attempt <= 4; attempt++) // before the fourth it pauses for 8 s
        {
            await world.Server.WaitUntilAsync(
                world.Database, "exists (select from pg_locks where not granted and relation = 'users'::regclass and mode = 'AccessExclusiveLock')", Token);
            await using var signIn = new NpgsqlCommand("select count(*) from users", logto);
            await signIn.ExecuteScalarAsync(Token);
            await gate.WaitForLineAsync($"attempt {attempt} of 6", cancellationToken: Token);
        }

        gate.Signal(Signals.Terminate);

        Expect.Ending(143, await gate.WaitForExitAsync(TimeSpan.FromSeconds(4), Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_concurrent_build_waits_for_older_transactions_for_as_long_as_it_has_to()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.AddAlterationAsync(
            1, "build", "", beforeUp: "await run(pool, `create index concurrently test_index on users (tenant_id, created_at)`);");
        await using var older = await BeginAsync(world, "begin isolation level repeatable read; select count(*) from systems");
        await using var gate = Gate.Start(["migrate"], world.Variables(("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "1")));
        await world.Server.WaitUntilAsync(
            world.Database,
            """
            exists (select from pg_locks l join pg_stat_activity a using (pid)
              where not l.granted and a.datname = current_database() and clock_timestamp() - l.waitstart > interval '2 s')
            """,
            Token);
        await older.DisposeAsync();

        var result = await gate.WaitForExitAsync(cancellationToken: Token);
        Expect.Ending(Expect.Success, result);
        Assert.DoesNotContain("Trying again", result.StandardError, StringComparison.Ordinal);
    }

    /// <summary>A session in a transaction, which ends with it.</summary>
    private static async Task<NpgsqlConnection> BeginAsync(LogtoWorld world, string sql)
    {
        var connection = await BackupWorld.OpenAsync(world.Server, world.Database, PostgresServer.Superuser, PostgresServer.Password);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
        return connection;
    }
}
