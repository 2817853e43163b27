using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// <c>repair</c> on databases of the real seed: what is broken is found, nothing changes before it is confirmed, and afterwards
/// <c>check --deep --drift</c> finds nothing and each tenant's role reads and writes.
/// </summary>
public sealed class RepairCommandSpecs(SharedServers servers)
{
    /// <summary>What is broken, by a superuser. <c>$role</c>, <c>$other</c>, <c>$parent</c>, <c>$owner</c> and <c>$database</c> are quoted names.</summary>
    private static readonly Dictionary<string, (string[] Broken, string[] Found)> Rounds = new()
    {
        ["roles"] = (
            [
                "drop owned by $other; drop role $other",
                "alter role $role nologin connection limit 0 valid until '2020-01-01' password 'an0ther'",
                "revoke $parent from $role granted by $owner",
                "alter role $role in database $database set row_security = off",
                "alter role $role set search_path = nowhere",
                "revoke insert, update on users from $parent",
                "revoke all on domains from $parent",
                "revoke select (db_user) on tenants from $parent",
                "grant select on systems to $parent",
                "grant select on tenants to $parent",
                "revoke connect on database $database from public",
                "revoke usage on schema public from public",
            ],
            ["is missing", "may not log in", "does not have the rights of", "row_security", "table users to", "table domains to", "tenants.db_user", "systems to", "may not connect", "may not use the schema"]),
        ["parent"] = (
            [
                "drop owned by $other; drop role $other",
                "drop owned by $role; drop role $role",
                "drop owned by $parent; drop role $parent",
            ],
            ["which holds the rights on Logto's tables", "grant delete, insert, select, update on table users to"]),
        ["schema"] = (
            [
                "drop policy users_tenant_id on users; drop policy users_modification on users",
                "alter policy scopes_tenant_id on scopes using (true)",
                "drop policy roles_tenant_id on roles; alter table roles disable row level security",
                "alter table hooks disable row level security",
                "alter table scopes disable trigger set_tenant_id",
                "drop function set_tenant_id() cascade",
                "create or replace function set_updated_at() returns trigger language plpgsql as 'begin return new; end'; alter function set_updated_at() owner to $owner",
                "drop index users__name",
                "update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass",
            ],
            ["policy users_tenant_id on users is missing", "policy scopes_tenant_id on scopes is", "row-level security roles", "trigger set_tenant_id on logs is missing", "function set_tenant_id() is missing", "index users__name on users is missing", "users__id' is invalid"]),
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 900_000)]
    [InlineData(14, "roles", "plain")]
    [InlineData(17, "roles", "odd", Traits = ["Run", "quick"])]
    [InlineData(18, "roles", "odd")]
    [InlineData(15, "roles", "plain")]
    [InlineData(16, "roles", "superuser")]
    [InlineData(18, "parent", "plain")]
    [InlineData(14, "parent", "odd")]
    [InlineData(14, "schema", "plain")]
    [InlineData(15, "schema", "odd")]
    [InlineData(18, "schema", "odd")]
    public async Task What_is_broken_is_found_and_repaired_and_nothing_changes_before_it_is_confirmed(int major, string round, string who)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var names = who == "odd" ? await GiveOddNamesAsync(world) : new Names(world, world.Database, $"logto_tenant_{world.Database}");
        var url = ("DB_URL", who == "superuser" ? world.Server.Url(names.Database) : world.Server.Url(names.Database, world.Owner, PostgresDatabases.OwnerPassword));
        foreach (var breaking in Rounds[round].Broken)
        {
            await world.Server.ExecuteAsync(names.Database, names.In(breaking), Token);
        }

        Assert.NotEqual(Expect.Success, (await world.RunAsync(["check", "--deep", "--drift"], url)).ExitCode);
        var before = await CatalogAsync(world, names);

        var printed = await world.RunAsync(["repair"], url);

        Expect.Ending(17, printed);
        Assert.Equal(before, await CatalogAsync(world, names));
        foreach (var found in Rounds[round].Found)
        {
            Assert.True(printed.StandardOutput.Contains(found, StringComparison.Ordinal), $"{found} is not in {printed}");
        }

        var repaired = await world.RunAsync(["repair", "--yes"], url);

        Expect.Ending(Expect.Success, repaired);
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"], url));
        await AssertTenantsCanWorkAsync(world, names.Database);
        AssertHidesSecrets(await PasswordsAsync(world, names), printed, repaired);
        var again = await world.RunAsync(["repair", "--yes"], url);
        Expect.Ending(Expect.Success, again);
        Assert.Contains("Nothing was repaired. The schema matches", again.LastLine, StringComparison.Ordinal);
        Assert.Equal("", again.StandardOutput);
    }

    [Fact(Timeout = 600_000)]
    public async Task Another_password_is_set_without_a_trace_in_the_log_of_the_server()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        var names = new Names(world, world.Database, $"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(world.Database, names.In("alter role $role password 'an0ther'; drop owned by $other; drop role $other; alter role $owner set log_statement = 'all'"), Token);

        var repaired = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(Expect.Success, repaired);
        await AssertTenantsCanWorkAsync(world, world.Database);
        var log = await File.ReadAllTextAsync(world.Server.LogFile, Token);
        Assert.Contains("alter role \"logto_tenant_", log, StringComparison.Ordinal);
        foreach (var password in await PasswordsAsync(world, names))
        {
            Assert.DoesNotContain(password, log, StringComparison.Ordinal);
            Assert.DoesNotContain(password, $"{repaired}", StringComparison.Ordinal);
        }
    }

    [Theory(Timeout = 600_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task What_the_user_may_not_do_is_printed_for_a_superuser_with_the_reason(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var names = new Names(world, world.Database, $"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(
            world.Database,
            names.In("alter role $role nologin; alter role $other bypassrls; revoke insert on users from $parent; drop policy users_tenant_id on users; alter role $owner nocreaterole nocreatedb"), Token);
        (string, string?) scratch = ("LOGTO_INIT_SCRATCH_URL", world.Server.Url("postgres"));

        var incomplete = await world.RunAsync(["repair", "--yes"], scratch);

        Expect.Ending(Expect.Unstartable, incomplete);
        Assert.Contains("not repaired: permission denied", incomplete.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(1L, await world.Server.QuerySingleAsync<long>(world.Database, "select count(*) from pg_policy where polname = 'users_tenant_id'", Token));
        var left = incomplete.StandardOutput[incomplete.StandardOutput.LastIndexOf("-- database ", StringComparison.Ordinal)..];
        Assert.DoesNotContain("users_tenant_id", left, StringComparison.Ordinal);
        await world.Server.ExecuteAsync(world.Database, left, Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"], scratch));
        Expect.Ending(Expect.Success, await world.RunAsync(["repair"], scratch));
        await AssertTenantsCanWorkAsync(world, world.Database);
    }

    [Fact(Timeout = 600_000)]
    public async Task Where_the_schema_cannot_be_compared_roles_are_repaired_and_the_rest_is_said_to_be_unknown()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        var names = new Names(world, world.Database, $"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(world.Database, names.In("revoke insert on users from $parent; alter role $owner nocreatedb"), Token);

        var repaired = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(16, repaired);
        Assert.Contains("Repaired 1 problem, and no other problem is known. But the schema could not be compared", repaired.LastLine, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep"]));
    }

    [Fact(Timeout = 600_000)]
    public async Task Columns_constraints_types_and_what_is_not_Logtos_are_only_printed()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("""
            alter table users alter column name type varchar(200);
            alter table roles drop constraint roles__name;
            alter table users alter column is_suspended drop default;
            create policy own on resources for select using (true);
            create index own on users (id);
            grant select on users to public;
            create index users__id_ccnew on users (id);
            """);
        await world.Server.ExecuteAsync(world.Database, "update pg_index set indisvalid = false where indexrelid = 'users__id_ccnew'::regclass", Token);
        var before = await world.DumpAsync();

        var incomplete = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(15, incomplete);
        Assert.Contains("Nothing was repaired, and 7 problems are left: ", incomplete.LastLine, StringComparison.Ordinal);
        Assert.Contains("--   alter table roles add constraint roles__name UNIQUE (tenant_id, name);", incomplete.StandardOutput, StringComparison.Ordinal);
        Assert.Contains("--   revoke select on table users from public;", incomplete.StandardOutput, StringComparison.Ordinal);
        Assert.Contains("--   drop index concurrently \"users__id_ccnew\";", incomplete.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(before, await world.DumpAsync());
        Assert.All(incomplete.StandardOutput.Split('\n'), line => Assert.True(line.Length == 0 || line.StartsWith("--", StringComparison.Ordinal) || line.StartsWith("set search_path", StringComparison.Ordinal), line));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_unique_index_over_duplicates_is_left_with_the_reason_until_they_are_gone()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 18);
        await world.Server.ExecuteAsync(
            world.Database,
            """
            drop index daily_token_usage__date;
            insert into daily_token_usage (id, tenant_id, date) values ('one', 'default', '2026-01-01'), ('two', 'default', '2026-01-01')
            """,
            Token);
        await Assert.ThrowsAsync<PostgresException>(() => world.Server.ExecuteAsync(
            world.Database, "create unique index concurrently daily_token_usage__date on daily_token_usage (tenant_id, date)", Token));

        var failed = await world.RunAsync(["repair", "--yes"]);
        await world.ExecuteAsync("delete from daily_token_usage where id = 'two'");
        var repaired = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(15, failed);
        Assert.Contains("could not create unique index", failed.StandardOutput, StringComparison.Ordinal);
        Assert.Contains("Nothing was repaired", failed.LastLine, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, repaired);
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"]));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_table_of_somebody_else_without_row_level_security_is_left_to_the_operator()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("create table own (id int); alter table roles disable row level security");

        var incomplete = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(Expect.Unstartable, incomplete);
        Assert.Contains("the table 'own' has no row-level security and is not Logto's", incomplete.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(["own"], await world.Server.QueryAsync<string>(world.Database, "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity and relname not in ('systems', 'service_logs')", Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task Row_level_security_stays_off_while_its_policies_cannot_be_restored()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("drop policy roles_tenant_id on roles; alter table roles disable row level security");
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from roles";
        await command.ExecuteNonQueryAsync(Token);

        var blocked = await world.RunAsync(["repair", "--yes"]);

        Expect.Ending(Expect.Unstartable, blocked);
        Expect.LogContains("canceling statement due to lock timeout", blocked);
        Expect.LogContains("its policies could not be restored", blocked);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["repair", "--yes"]));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"]));
    }

    [Theory(Timeout = 600_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_repair_that_is_killed_is_finished_by_the_next(bool inAnIndex)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync(
            world.Database,
            inAnIndex
                ? "update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass"
                : "drop policy roles_tenant_id on roles; drop policy users_tenant_id on users; alter table users disable row level security",
            Token);
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(Token);
        await using (var killed = Gate.Start(["repair", "--yes"], world.Variables()))
        {
            await world.Server.WaitUntilAsync(world.Database, "exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name like 'logto-migrate-init-cli-%')", Token);
            killed.Kill();
        }

        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(Token);

        Expect.Ending(Expect.Success, await world.RunAsync(["repair", "--yes"]));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"]));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("application_name like 'logto-migrate-init-cli-%'", 3)]
    [InlineData("pid in (select pid from pg_locks where locktype = 'advisory')", Expect.Unstartable)]
    public async Task A_repair_whose_session_ends_says_so_and_the_next_finishes_it(string session, int exitCode)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("drop policy roles_tenant_id on roles; drop policy users_tenant_id on users");
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(Token);
        await using var repair = Gate.Start(["repair", "--yes"], world.Variables());
        await world.Server.WaitUntilAsync(world.Database, "exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name like 'logto-migrate-init-cli-%')", Token);

        await world.Server.ExecuteAsync(world.Database, $"select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and {session}", Token);

        Expect.Ending(exitCode, await repair.WaitForExitAsync(cancellationToken: Token));
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["repair", "--yes"]));
    }

    [Fact(Timeout = 600_000)]
    public async Task Of_two_repairs_at_once_one_waits_and_finds_nothing_left()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 16);
        var names = new Names(world, world.Database, $"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(world.Database, names.In("revoke insert on users from $parent; drop policy roles_tenant_id on roles; drop owned by $role; drop role $role"), Token);

        var both = await Task.WhenAll(world.RunAsync(["repair", "--yes"]), world.RunAsync(["repair", "--yes"]));

        Assert.All(both, result => Expect.Ending(Expect.Success, result));
        Assert.Single(both, result => result.LastLine.Contains("Nothing was repaired. The schema matches", StringComparison.Ordinal));
        await AssertTenantsCanWorkAsync(world, world.Database);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_lock_that_is_held_is_exit_code_5()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync(world.Database, "drop policy roles_tenant_id on roles; update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass", Token);
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; lock table users in share update exclusive mode";
        await command.ExecuteNonQueryAsync(Token);
        await using var first = Gate.Start(["repair", "--yes"], world.Variables());
        await first.WaitForLineAsync("Repairing", cancellationToken: Token);

        Expect.Ending(5, await world.RunAsync(["repair", "--yes"], ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1")));
        await first.WaitForExitAsync(cancellationToken: Token);
    }

    [Fact(Timeout = 600_000)]
    public async Task Behind_a_pooler_everything_is_repaired_too()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        var names = new Names(world, world.Database, $"logto_tenant_{world.Database}");
        await using var pooler = await PgBouncer.StartAsync(world.Server, "statement_timeout,idle_in_transaction_session_timeout,extra_float_digits,options", Token);
        await world.Server.ExecuteAsync(
            world.Database,
            names.In("revoke insert on users from $parent; drop policy roles_tenant_id on roles; alter table roles disable row level security; drop owned by $role; drop role $role; alter role $other password 'an0ther'; drop index users__name; update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass"), Token);
        (string, string?)[] through = [("DB_URL", pooler.Url(world.Database)), ("LOGTO_INIT_DIRECT_URL", world.Server.Url(world.Database))];

        Expect.Ending(Expect.Success, await world.RunAsync(["repair", "--yes"], through));

        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"], through));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"]));
        await AssertTenantsCanWorkAsync(world, world.Database);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(true, "canceling statement due to lock timeout")]
    [InlineData(false, "a connection pooler answers")]
    public async Task Behind_a_pooler_an_index_waits_for_a_lock_no_longer_than_elsewhere(bool hasDirectUrl, string reason)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await using var pooler = await PgBouncer.StartAsync(world.Server, "statement_timeout,idle_in_transaction_session_timeout,extra_float_digits,options", Token);
        await world.Server.ExecuteAsync(world.Database, "update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass", Token);
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; lock table users in share update exclusive mode";
        await command.ExecuteNonQueryAsync(Token);
        (string, string?)[] through = [("DB_URL", pooler.Url(world.Database)), ("LOGTO_INIT_DIRECT_URL", hasDirectUrl ? world.Server.Url(world.Database) : null)];

        var blocked = await world.RunAsync(["repair", "--yes"], through);

        Expect.LogContains(reason, blocked);
        Assert.DoesNotContain("nothing was changed", blocked.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_server_that_turns_read_only_during_a_repair_is_not_said_to_be_unchanged()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync(world.Database, "drop policy roles_tenant_id on roles; drop policy users_tenant_id on users", Token);
        await using var blocker = await world.Server.OpenAsync(world.Database, Token);
        await using var command = blocker.CreateCommand();
        command.CommandText = "begin; select count(*) from users";
        await command.ExecuteNonQueryAsync(Token);
        await using var repair = Gate.Start(["repair", "--yes"], world.Variables());
        await world.Server.WaitUntilAsync(world.Database, "exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name like 'logto-migrate-init-cli-%')", Token);
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} set default_transaction_read_only = on", Token);
        command.CommandText = "commit";
        await command.ExecuteNonQueryAsync(Token);

        var stopped = await repair.WaitForExitAsync(cancellationToken: Token);

        Expect.Ending(17, stopped);
        Assert.Contains("was applied, and the command stopped before it could look at the result", stopped.LastLine, StringComparison.Ordinal);
    }

    [Theory(Timeout = 600_000)]
    [InlineData("value || jsonb_build_array(jsonb_build_object('id', 'new', 'value', 'v', 'createdAt', 2, 'status', 'Previous'), jsonb_build_object('id', 'old', 'value', 'v', 'createdAt', 1, 'status', 'Previous'))", "new")]
    [InlineData("jsonb_build_array(jsonb_build_object('id', 'new', 'value', 'v', 'createdAt', 2, 'status', 'Previous'), jsonb_build_object('id', 'old', 'value', 'v', 'createdAt', 1, 'status', 'Previous')) || value", "new")]
    [InlineData("jsonb_build_array((value -> 0) - 'status', jsonb_build_object('id', 'new', 'value', 'v', 'createdAt', 2), jsonb_build_object('id', 'old', 'value', 'v', 'createdAt', 1))", "new")]
    public async Task Signing_keys_are_trimmed_only_when_asked_for_and_after_a_backup(string keys, string kept)
    {
        const string Current = "(select value::text from logto_configs where key = 'oidc.privateKeys' and tenant_id = 'default')";
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        var id = await world.Server.QuerySingleAsync<string>(world.Database, "select value -> 0 ->> 'id' from logto_configs where key = 'oidc.privateKeys' and tenant_id = 'default'", Token);
        await world.ExecuteAsync($"update logto_configs set value = {keys} where key = 'oidc.privateKeys' and tenant_id = 'default'");
        var before = await world.Server.QuerySingleAsync<string>(world.Database, $"select {Current}", Token);
        var folder = Directory.CreateTempSubdirectory();

        var untrimmed = await world.RunAsync(["repair", "--yes"]);
        var withoutFolder = await world.RunAsync(["repair", "--yes", "--trim-signing-keys"]);
        Expect.Ending(Expect.Unstartable, untrimmed);
        Assert.Contains("`repair --trim-signing-keys` does this, after a backup", untrimmed.StandardOutput, StringComparison.Ordinal);
        Expect.Ending(13, withoutFolder);
        Assert.Equal(before, await world.Server.QuerySingleAsync<string>(world.Database, $"select {Current}", Token));

        var trimmed = await world.RunAsync(["repair", "--yes", "--trim-signing-keys"], ("LOGTO_INIT_BACKUP_DIR", folder.FullName));

        Expect.Ending(Expect.Success, trimmed);
        Assert.Single(folder.GetFiles("*.dump"));
        Assert.Equal(
            new[] { id, kept }.Order(),
            (await world.Server.QueryAsync<string>(world.Database, $"select key ->> 'id' from jsonb_array_elements({Current}::jsonb) key", Token)).Order());
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep"]));
        folder.Delete(recursive: true);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_database_that_is_ahead_or_read_only_is_left_alone()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} set default_transaction_read_only = on", Token);
        Expect.Ending(17, await world.RunAsync(["repair", "--yes"]));
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} reset default_transaction_read_only", Token);

        await world.ExecuteAsync("update systems set value = value || '{\"timestamp\": 1999999999}' where key = 'alterationState'");
        var ahead = await world.RunAsync(["repair", "--yes"], ("LOGTO_INIT_AHEAD", "allow"));

        Expect.Ending(17, ahead);
        Assert.Contains("run `repair` in the image of the newer Logto", ahead.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task Before_an_upgrade_it_repairs_roles_and_says_so_and_the_upgrade_works()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17, from: new LogtoRelease("1.40.1"), to: LogtoRelease.Newest);
        await world.Server.ExecuteAsync("postgres", $"alter role {PostgresDatabases.Quote($"logto_tenant_{world.Database}_default")} nologin", Token);
        var refused = await world.RunAsync("migrate");

        var repaired = await world.RunAsync(["repair", "--yes"]);

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("logto-migrate-init repair", refused.LastLine, StringComparison.Ordinal);
        Expect.Ending(12, repaired);
        Assert.Contains("Repaired 1 problem. 22 alterations are pending", repaired.LastLine, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 600_000)]
    public async Task At_a_terminal_it_asks()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("drop policy roles_tenant_id on roles");
        await using var terminal = PseudoTerminal.Start(["repair"], world.Variables());
        await terminal.WaitForAsync("[y/N]", Token);

        await terminal.TypeAsync("y\n");

        Assert.Equal(0, await terminal.WaitForExitAsync(Token));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--deep", "--drift"]));
    }

    /// <summary>Gives the database and Logto's roles names that hold what SQL and dollar quotes are made of.</summary>
    private static async Task<Names> GiveOddNamesAsync(LogtoWorld world)
    {
        var (database, parent) = ($"{world.Database}-$$ \"q\" 'x'", $"logto_tenant_$$ \"q\" 'x'-{world.Database}");
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            alter role logto_tenant_{world.Database} rename to {PostgresDatabases.Quote(parent)};
            alter role logto_tenant_{world.Database}_admin rename to {PostgresDatabases.Quote($"{parent}_admin")};
            alter role logto_tenant_{world.Database}_default rename to {PostgresDatabases.Quote($"{parent}_default")};
            update tenants set db_user = '{parent.Replace("'", "''", StringComparison.Ordinal)}_' || id;
            """,
            Token);
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} rename to {PostgresDatabases.Quote(database)}", Token);
        return new Names(world, database, parent);
    }

    /// <summary>All definitions and rows, and the roles with their attributes, passwords, settings and members.</summary>
    private static async Task<string> CatalogAsync(LogtoWorld world, Names names)
    {
        var dump = await Tool.RunAsync(Path.Combine(PostgresClients.For(world.Server.Major), "pg_dump"), [world.Server.Url(names.Database)], cancellationToken: Token);
        var roles = await world.Server.QueryAsync<string>(
            names.Database,
            $"""
            select concat_ws(' ', a.rolname, rolsuper, rolinherit, rolcanlogin, rolconnlimit, rolvaliduntil, rolbypassrls, rolpassword,
              (select string_agg(setconfig::text, ',' order by setdatabase) from pg_db_role_setting where setrole = a.oid),
              (select string_agg(roleid::regrole::text, ',' order by 1) from pg_auth_members where member = a.oid))
            from pg_authid a
            where rolname ~ '{world.Database}([^0-9]|$)' and rolname not like '%scratch%' -- others use the server, too
            union all
            select concat(datacl::text) from pg_database where datname = current_database()
            order by 1
            """,
            Token);
        return string.Join('\n', dump.StandardOutput.Split('\n').Where(line => !line.Contains("restrict ", StringComparison.Ordinal)).Concat(roles));
    }

    private static async Task<IReadOnlyList<string>> PasswordsAsync(LogtoWorld world, Names names) =>
        await world.Server.QueryAsync<string>(names.Database, "select db_user_password::text from tenants", Token);

    private static void AssertHidesSecrets(IReadOnlyList<string> passwords, params GateResult[] results) =>
        Assert.All(results, result =>
        {
            Assert.All(passwords, password => Assert.DoesNotContain(password, $"{result}", StringComparison.Ordinal));
            Assert.DoesNotContain("SCRAM-SHA-256", $"{result}", StringComparison.Ordinal);
            Assert.All(result.LogLines, line => Assert.True(line.Length < 1500, line));
        });

    /// <summary>As each tenant's role, with the password of the table: all tables are open but three, and only the tenant's own rows show.</summary>
    private static async Task AssertTenantsCanWorkAsync(LogtoWorld world, string database)
    {
        var tables = await world.Server.QueryAsync<string>(database, "select quote_ident(tablename) from pg_tables where schemaname = 'public' and tablename not in ('systems', 'tenants', 'service_logs')", Token);
        Assert.True(tables.Count > 60);
        foreach (var tenant in new[] { "admin", "default" })
        {
            var user = await world.Server.QuerySingleAsync<string>(database, $"select db_user::text from tenants where id = '{tenant}'", Token);
            var password = await world.Server.QuerySingleAsync<string>(database, $"select db_user_password::text from tenants where id = '{tenant}'", Token);
            await using var connection = new NpgsqlConnection(
                new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = world.Server.Port, Username = user, Password = password, Database = database, Pooling = false }.ConnectionString);
            await connection.OpenAsync(Token);
            foreach (var table in tables)
            {
                await using var write = new NpgsqlCommand($"begin; select * from {table}; update {table} set tenant_id = tenant_id; delete from {table}; rollback", connection);
                await write.ExecuteNonQueryAsync(Token);
            }

            await using var read = new NpgsqlCommand("select string_agg(distinct tenant_id, ',') from resources", connection);
            Assert.Equal(tenant, await read.ExecuteScalarAsync(Token));
            await using var insert = new NpgsqlCommand("begin; insert into roles (id, name, description, type) values ('r', 'r', 'r', 'User') returning tenant_id", connection);
            Assert.Equal(tenant, await insert.ExecuteScalarAsync(Token));
        }
    }

    private sealed record Names(LogtoWorld World, string Database, string Parent)
    {
        public string In(string sql) => sql
            .Replace("$role", PostgresDatabases.Quote($"{Parent}_default"), StringComparison.Ordinal).Replace("$other", PostgresDatabases.Quote($"{Parent}_admin"), StringComparison.Ordinal)
            .Replace("$parent", PostgresDatabases.Quote(Parent), StringComparison.Ordinal).Replace("$database", PostgresDatabases.Quote(Database), StringComparison.Ordinal)
            .Replace("$owner", PostgresDatabases.Quote(World.Owner), StringComparison.Ordinal);
    }
}
