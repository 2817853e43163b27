using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What an interrupted concurrent index build leaves behind, with the real CLI and real alterations, for an ordinary owner.</summary>
public sealed class RepairSpecs(SharedServers servers)
{
    // 1.41.0-1780381219 creates it without `if not exists`, 1.41.0-1781689400 the other one with it.
    private const string Plain = "users__tenant_lower_username";
    private const string Guarded = "sentinel_activities__created_at";

    [Theory(Timeout = 600_000)]
    [InlineData(Plain, "users (tenant_id)", BeforePlainText, false, true)]
    [InlineData(Plain, "users (tenant_id)", BeforePlainText, true, true)]
    [InlineData(Guarded, "sentinel_activities (tenant_id)", BeforeGuardedText, false, true, Traits = ["Run", "quick"])]
    [InlineData(Guarded, "sentinel_activities (tenant_id)", BeforeGuardedText, true, false)]
    public async Task A_left_over_index_does_not_stop_the_next_run(string index, string definition, string before, bool valid, bool dropped)
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(before);
        await LeaveAsync(server, database, index, definition, valid);

        var result = await Gate.RunAsync([], Variables(server, database, target), cancellationToken: FakeWorld.Token);

        Assert.True(result.ExitCode == 0, $"{result}");
        Assert.Equal(dropped, result.StandardError.Contains($"Dropped the index {index}", StringComparison.Ordinal));
        Assert.Equal(0L, await server.QuerySingleAsync<long>(database, "select count(*) from pg_index where not indisvalid", FakeWorld.Token));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await server.StateAsync(database, FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task With_repair_off_the_remedy_is_named_and_works()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "users (tenant_id)", valid: false);
        var variables = Variables(server, database, target);
        variables["LOGTO_INIT_REPAIR"] = "false";

        var refused = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
        Assert.Equal(14, refused.ExitCode);
        var remedy = $"drop index concurrently \"{Plain}\"";
        Assert.Contains(remedy, FakeWorld.LastLine(refused), StringComparison.Ordinal);

        await server.ExecuteAsync(database, remedy, FakeWorld.Token);
        Assert.Equal(0, (await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 600_000)]
    public async Task An_index_of_that_name_on_another_table_is_not_dropped()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "applications (tenant_id)", valid: true);

        var refused = await Gate.RunAsync([], Variables(server, database, target), cancellationToken: FakeWorld.Token);

        Assert.Equal(14, refused.ExitCode);
        Assert.Contains("another table, 'applications'", FakeWorld.LastLine(refused), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task Another_invalid_index_is_a_warning_with_its_remedy()
    {
        var (server, database) = await servers.SeededAsync(17, LogtoRelease.Newest, FakeWorld.Token);
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        await server.CreateOwnerAsync(database, FakeWorld.Token);
        await LeaveAsync(server, database, "mine", "users (id)", valid: false);

        var result = await Gate.RunAsync([], Variables(server, database, target), cancellationToken: FakeWorld.Token);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("The index mine is invalid, so PostgreSQL does not use it. Next: run `logto-migrate-init repair`", result.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_drop_that_has_to_wait_names_the_blocker_and_survives_kill_9()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "users (tenant_id)", valid: false);
        await using var blocker = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        var variables = Variables(server, database, target);
        await using var killed = Gate.Start([], variables);
        Assert.Contains($"pid {blocker.ProcessID}", await killed.WaitForLineAsync("waits for a lock", cancellationToken: FakeWorld.Token), StringComparison.Ordinal);
        killed.Kill();

        await using var gate = Gate.Start([], variables);
        await gate.WaitForLineAsync(line => line.Contains("earlier, killed run", StringComparison.Ordinal) || line.Contains("waits for a lock", StringComparison.Ordinal), cancellationToken: FakeWorld.Token);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        Assert.Equal(0L, await server.QuerySingleAsync<long>(database, "select count(*) from pg_index where not indisvalid", FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_drop_waits_for_longer_than_the_lock_timeout_of_the_database()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "users (tenant_id)", valid: false);
        await server.ExecuteAsync("postgres", $"alter database {database} set lock_timeout = '100ms'", FakeWorld.Token);
        await using var blocker = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await using var gate = Gate.Start([], Variables(server, database, target));
        await gate.WaitForLineAsync("waits for a lock", cancellationToken: FakeWorld.Token); // the first look comes after a second
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task Nothing_is_dropped_after_the_lock_is_lost()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "users (tenant_id)", valid: false);
        await using var orphan = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = orphan.CreateCommand();
        command.CommandText = "set application_name = 'logto-migrate-init-cli-gone'; begin; lock table tenants in share mode";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await using var gate = Gate.Start([], Variables(server, database, target));
        await gate.WaitForLineAsync("earlier, killed run", cancellationToken: FakeWorld.Token);

        await server.ExecuteAsync(
            database,
            "select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())",
            FakeWorld.Token);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);
        Expect.Ending(6, result);
        Assert.Contains("lock was lost", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(1L, await server.QuerySingleAsync<long>(database, "select count(*) from pg_index where not indisvalid", FakeWorld.Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_deadlock_with_a_drop_is_waited_for()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await LeaveAsync(server, database, Plain, "users (tenant_id)", valid: false);
        await using var other = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = other.CreateCommand();
        command.CommandText = $"alter role {PostgresDatabases.OwnerOf(database)} set deadlock_timeout = '3s'; set deadlock_timeout = '1h'; begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await using var gate = Gate.Start([], Variables(server, database, target));
        await gate.WaitForLineAsync("Dropping the index", cancellationToken: FakeWorld.Token);
        await server.WaitUntilAsync(database, "exists (select from pg_stat_activity where datname = current_database() and query like 'drop index%' and wait_event_type = 'Lock')", FakeWorld.Token);

        command.CommandText = "lock table users in share update exclusive mode"; // which the drop holds; it finds the deadlock first
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        Assert.Contains("deadlock detected", await gate.WaitForLineAsync("40P01", cancellationToken: FakeWorld.Token), StringComparison.Ordinal);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);

        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    [Theory(Timeout = 900_000)]
    [InlineData("kill -9")]
    [InlineData("SIGTERM")]
    [InlineData("session terminated")]
    public async Task An_interrupted_concurrent_build_is_built_again_and_no_row_is_lost(string fault)
    {
        const int Rows = 20_000;
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync("1772615847");
        await server.ExecuteAsync(
            database,
            $$"""insert into oidc_model_instances (tenant_id, model_name, id, payload, expires_at) select 'default', 'Grant', 'row' || n, '{"grantId": "g"}', now() from generate_series(1, {{Rows}}) n""",
            FakeWorld.Token);
        // The build waits for whoever has seen the table before it.
        await using var blocker = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from oidc_model_instances";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        var variables = Variables(server, database, target);
        await using var gate = Gate.Start([], variables);
        await gate.WaitForLineAsync("waits for a lock", cancellationToken: FakeWorld.Token);

        switch (fault)
        {
            case "kill -9":
                gate.Kill();
                break;
            case "SIGTERM":
                gate.Signal(Signals.Terminate);
                Expect.Ending(143, await gate.WaitForExitAsync(TimeSpan.FromSeconds(10), FakeWorld.Token));
                break;
            default:
                await server.ExecuteAsync(
                    database, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init-cli-%'", FakeWorld.Token);
                break;
        }

        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        if (fault == "session terminated")
        {
            Expect.Ending(6, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        }

        Expect.Ending(Expect.Success, await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token));
        Assert.Equal(
            (0L, (long)Rows),
            (await server.QuerySingleAsync<long>(database, "select count(*) from pg_index where not indisvalid", FakeWorld.Token),
                await server.QuerySingleAsync<long>(database, "select count(*) from oidc_model_instances where id like 'row%'", FakeWorld.Token)));
        Assert.True((await target.PreconditionsAsync(server.Url(database), FakeWorld.Token)).WouldStart);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_build_in_progress_of_somebody_else_is_not_touched()
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var (server, database) = await AtAsync(BeforePlainText);
        await using var blocker = await server.OpenAsync(database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        var build = server.ExecuteAsync(database, $"create index concurrently {Plain} on users (tenant_id)", FakeWorld.Token);
        await server.WaitUntilAsync(database, "exists (select from pg_stat_progress_create_index where datname = current_database() and index_relid <> 0)", FakeWorld.Token);

        var variables = Variables(server, database, target);
        var refused = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
        Expect.Ending(14, refused);
        Assert.Contains("being built by another session", FakeWorld.LastLine(refused), StringComparison.Ordinal);

        Assert.True(await server.QuerySingleAsync<bool>(database, $"select to_regclass('{Plain}') is not null", FakeWorld.Token));
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await build;
        Expect.Ending(Expect.Success, await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token));
    }

    private const string BeforePlainText = "1780381218";
    private const string BeforeGuardedText = "1781689399";

    private async Task<(PostgresServer Server, string Database)> AtAsync(string timestamp)
    {
        var (server, database) = await servers.RolledBackAsync(17, LogtoRelease.Newest, timestamp, FakeWorld.Token);
        await server.CreateOwnerAsync(database, FakeWorld.Token);
        return (server, database);
    }

    private static async Task LeaveAsync(PostgresServer server, string database, string index, string definition, bool valid)
    {
        await server.ExecuteAsync(database, $"create index {index} on {definition}", FakeWorld.Token);
        if (!valid)
        {
            await server.ExecuteAsync(database, $"update pg_index set indisvalid = false where indexrelid = '{index}'::regclass", FakeWorld.Token);
        }
    }

    private static Dictionary<string, string?> Variables(PostgresServer server, string database, LogtoInstallation target) =>
        new() { ["DB_URL"] = server.Url(database, PostgresDatabases.OwnerOf(database), PostgresDatabases.OwnerPassword), ["LOGTO_INIT_LOGTO_DIR"] = target.Directory };
}
