using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What a role or a database has set must not decide how a migration ends. Real releases and the real CLI.</summary>
public sealed class HostileSettingsSpecs(SharedServers servers)
{
    private static readonly string[] Hostile =
    [
        "default_transaction_isolation = 'repeatable read'", "idle_in_transaction_session_timeout = '1s'", "idle_session_timeout = '1s'",
        "statement_timeout = '300ms'", "lock_timeout = '100ms'", "quote_all_identifiers = on",
    ];

    // The oldest, and the newest with a setting more; the gate treats those between like one of them.
    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task Hostile_settings_on_the_database_and_the_role_do_not_matter(int major)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, major, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        var user = $"hostile_{scenario.Database}";
        await scenario.Server.CreateUserAsync(user, "pw", "superuser", FakeWorld.Token);
        foreach (var setting in major >= 17 ? Hostile.Append("transaction_timeout = '1s'") : Hostile)
        {
            await scenario.Server.ExecuteAsync("postgres", $"alter role {user} set {setting}", FakeWorld.Token);
            await scenario.Server.ExecuteAsync("postgres", $"alter database \"{scenario.Database}\" set {setting}", FakeWorld.Token);
        }

        // A lock that is waited for, for longer than the role's lock_timeout and statement_timeout.
        await using var blocker = await scenario.Server.OpenAsync("postgres", FakeWorld.Token);
        await blocker.ChangeDatabaseAsync(scenario.Database, FakeWorld.Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "select set_config(name, '0', false) from pg_settings where name in ('idle_in_transaction_session_timeout', 'transaction_timeout'); begin; lock table users in share mode";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
        await using var gate = Gate.Start([], scenario.Variables(("DB_URL", scenario.Server.Url(scenario.Database, user, "pw"))));
        await gate.WaitForLineAsync("waits for a lock", cancellationToken: FakeWorld.Token);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(FakeWorld.Token);

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);

        Expect.Ending(Expect.Success, result);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
    }

    [Theory(Timeout = 600_000)]
    [InlineData("with-hyphen")]
    [InlineData("Mixed Case.dot.grüße")]
    [InlineData("quote\"and'apostrophe")]
    public async Task A_database_of_any_name_is_migrated(string suffix)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        var name = $"{scenario.Database}{suffix}";
        await scenario.Server.ExecuteAsync("postgres", $"alter database {PostgresDatabases.Quote(scenario.Database)} rename to {PostgresDatabases.Quote(name)}", FakeWorld.Token);
        await scenario.Server.CreateParentRoleAsync(name, FakeWorld.Token);
        var url = scenario.Server.Url(name);

        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate", ("DB_URL", url)));

        Assert.True((await scenario.Target.PreconditionsAsync(url, FakeWorld.Token)).WouldStart);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_schema_of_the_roles_search_path_is_migrated()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = $"own_{world.Database}";
        await world.Server.CreateUserAsync(user, "pw", cancellationToken: FakeWorld.Token);
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            create schema own authorization {user}; alter role {user} set search_path = own;
            grant usage on schema own to logto_tenant_{world.Database}; alter role logto_tenant_{world.Database}_default set search_path = own;
            alter role logto_tenant_{world.Database}_admin set search_path = own;
            do $$ declare t record; begin for t in select tablename from pg_tables where schemaname = 'public' loop
            execute format('alter table %I set schema own', t.tablename); execute format('alter table own.%I owner to {user}', t.tablename);
            end loop; end $$;
            create table public.somebody_elses (id int);
            """,
            FakeWorld.Token);

        Expect.Ending(Expect.Success, await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database, user, "pw"))));

        Assert.Equal(FakeWorld.After, await world.Server.QuerySingleAsync<decimal>(world.Database, "select (value->>'timestamp')::numeric from own.systems", FakeWorld.Token));

        await world.Server.ExecuteAsync(world.Database, $"alter role logto_tenant_{world.Database}_admin reset search_path", FakeWorld.Token);
        var lost = await Gate.RunAsync(
            ["check", "--deep"], world.Variables("nothing", ("DB_URL", world.Server.Url(world.Database, user, "pw"))), cancellationToken: FakeWorld.Token);
        Expect.Ending(7, lost);
        Assert.Contains("run `logto-migrate-init repair`", FakeWorld.LastLine(lost), StringComparison.Ordinal);
        var printed = await Gate.RunAsync(
            ["repair"], world.Variables("nothing", ("DB_URL", world.Server.Url(world.Database, user, "pw"))), cancellationToken: FakeWorld.Token);
        Expect.Ending(17, printed);
        Assert.Contains($"alter role \"logto_tenant_{world.Database}_admin\" in database \"{world.Database}\" set search_path = own;", printed.StandardOutput, StringComparison.Ordinal);
    }

    [Theory(Timeout = 600_000)]
    [InlineData("+1d")]
    [InlineData("-1d")]
    public async Task A_clock_that_is_wrong_by_a_day_changes_nothing(string offset)
    {
        const string Library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
        Assert.True(File.Exists(Library), "apt-get install libfaketime");
        await using var world = await FakeWorld.CreateAsync(servers);
        (string, string?)[] wrongClock = [("LD_PRELOAD", Library), ("FAKETIME", offset)];
        await using var holder = world.Start("hold", wrongClock);
        await holder.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await using var rightClock = world.Start();
        await rightClock.WaitForLineAsync("Another session holds", cancellationToken: FakeWorld.Token);
        await using var wrongToo = world.Start("deploy", wrongClock);
        await wrongToo.WaitForLineAsync("Another session holds", cancellationToken: FakeWorld.Token);

        await world.Cli.LetGoAsync(FakeWorld.Token);

        foreach (var gate in new[] { holder, rightClock, wrongToo })
        {
            Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
        }

        Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
    }
}
