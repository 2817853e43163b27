using System.Diagnostics;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>A backup in the database's place, and the old one kept: by an ordinary owner, with real tools.</summary>
public sealed class RestoreSpecs(SharedServers servers)
{
    private const int Refused = 17;

    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17, Traits = ["Run", "quick"])]
    [InlineData(18)]
    public async Task The_restored_database_equals_the_one_that_was_backed_up_and_the_old_one_is_kept(int major)
    {
        await using var world = await BackupWorld.CreateAsync(servers, major);
        var before = await world.RowsAsync();
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(world.Database, "delete from users where id < 'user5'; insert into users values ('new')", Token);
        var changed = await world.RowsAsync();

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Assert.Equal(before, await world.RowsAsync());
        var former = Assert.Single(await world.RelativesAsync("before"));
        Assert.Contains(former, result.LastLine, StringComparison.Ordinal);
        Assert.Equal(changed, await world.RowsAsync(former));
        await world.LeavesNothingAsync();
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 1_200_000)]
    public async Task The_command_in_the_last_line_of_a_failed_deploy_brings_back_what_the_old_release_starts_on()
    {
        var old = new LogtoRelease("1.42.0");
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 15, old, LogtoRelease.Newest);
        await scenario.ExecuteAsync(
            """
            create function refuse() returns trigger language plpgsql as $$ begin
              if (new.value->>'timestamp')::numeric > 1785500000 then raise exception 'made to fail'; end if; return new; end $$;
            create trigger refuse before update on systems for each row execute function refuse();
            """);
        var folder = Directory.CreateTempSubdirectory("backups-").FullName;
        var variables = scenario.Variables(("LOGTO_INIT_BACKUP_DIR", folder), ("LOGTO_INIT_PG_BIN", PostgresClients.For(15)));
        var failed = await Gate.RunAsync([], variables, cancellationToken: Token);
        Expect.Ending(6, failed);
        Assert.NotEqual(old.LastTimestamp, await scenario.StateAsync());
        await scenario.ExecuteAsync("insert into users (tenant_id, id) values ('default', 'newcomer')");
        var command = failed.LastLine.Split("`logto-migrate-init ")[^1].Split('`')[0];

        var restored = await Gate.RunAsync([.. command.Split(' '), "--yes"], variables, cancellationToken: Token);

        Expect.Ending(Expect.Success, restored);
        Expect.LogContains("new users: 1,", restored);
        Assert.Equal(old.LastTimestamp, await scenario.StateAsync());
        await using var oldInstallation = await old.CopyAsync(Token);
        Assert.True((await oldInstallation.PreconditionsAsync(scenario.Url, Token)).WouldStart);
        Directory.Delete(folder, recursive: true);
    }

    [Fact(Timeout = 1_200_000)]
    public async Task On_a_cluster_without_any_role_the_roles_are_made_and_read_what_they_may_and_no_more()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 15, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        var folder = Directory.CreateTempSubdirectory("backups-").FullName;
        Expect.Ending(Expect.Success, await world.RunWithAsync(["backup"], ("LOGTO_INIT_BACKUP_DIR", folder), ("LOGTO_INIT_PG_BIN", PostgresClients.For(15))));
        var dump = Assert.Single(Directory.GetFiles(folder, "*.dump"));
        await using var fresh = await PostgresServer.StartAsync(18, cancellationToken: Token);
        await fresh.CreateUserAsync("newcomer", "pw", "createdb createrole", Token);

        var result = await world.RunWithAsync(
            ["restore", dump, "--yes"], ("DB_URL", fresh.Url(world.Database, "newcomer", "pw")), ("LOGTO_INIT_PG_BIN", PostgresClients.For(15)));

        Expect.Ending(Expect.Success, result);
        Assert.Contains("2 of 2 of Logto's own roles", result.StandardError, StringComparison.Ordinal);
        await ReadsItsOwnAsync(fresh, world, "admin");
        await ReadsItsOwnAsync(fresh, world, "default");
        Assert.Equal(await AttributesAsync(world.Server, world.Database), await AttributesAsync(fresh, world.Database));
        Directory.Delete(folder, recursive: true);
    }

    [Fact(Timeout = 1_200_000)]
    [Trait("Run", "quick")]
    public async Task A_damaged_or_foreign_file_is_refused_with_the_reason_and_nothing_is_changed()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var bytes = await File.ReadAllBytesAsync(dump, Token);
        var client = PostgresClients.For(world.Server.Major);

        await ChangedAsync(bytes[..(bytes.Length * 6 / 10)], withRecord: true, "damaged");
        await ChangedAsync(bytes[..(bytes.Length * 6 / 10)], withRecord: false, "pg_restore failed");
        var flipped = bytes.ToArray();
        flipped[flipped.Length / 2] ^= 1;
        await ChangedAsync(flipped, withRecord: true, "damaged");
        await ChangedAsync(bytes[..4], withRecord: false, "custom format");
        await ChangedAsync([], withRecord: false, "custom format");

        var plain = Path.Combine(world.Folder, "plain.dump");
        await DumpAsync(client, world.OwnersUrl, plain, "plain");
        await RefusedAsync(world, plain, "custom format");
        var other = await FakeCli.CreateDatabaseAsync(world.Server, FakeWorld.Before, Token);
        await DumpAsync(client, world.Server.Url(other), plain, "custom");
        await RefusedAsync(world, plain, $"'{other}'");
        await RefusedAsync(world, Path.Combine(world.Folder, "missing.dump"), "cannot be read");
        await world.LeavesNothingAsync();

        async Task ChangedAsync(byte[] content, bool withRecord, string because)
        {
            var copy = Path.Combine(world.Folder, "changed.dump");
            await File.WriteAllBytesAsync(copy, content, Token);
            File.Delete(Path.ChangeExtension(copy, ".json"));
            if (withRecord)
            {
                File.Copy(Path.ChangeExtension(dump, ".json"), Path.ChangeExtension(copy, ".json"));
            }

            await RefusedAsync(world, copy, because);
        }
    }

    [Fact(Timeout = 600_000)]
    public async Task A_dump_without_a_record_is_restored_all_the_same()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var before = await world.RowsAsync();
        var byHand = Path.Combine(world.Folder, "by hand.dump");
        await DumpAsync(PostgresClients.For(world.Server.Major), world.OwnersUrl, byHand, "custom");
        await world.Server.ExecuteAsync(world.Database, "truncate users", Token);

        var result = await world.RunAsync(["restore", "by hand.dump", "--yes"]); // found in the folder of backups

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("no record beside it", result);
        Assert.Equal(before, await world.RowsAsync());
    }

    [Fact(Timeout = 600_000)]
    public async Task A_backup_of_a_newer_Logto_is_refused_unless_it_is_said()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, "update systems set value = value || '{\"timestamp\": 1799999999}'", Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(world.Database, $"update systems set value = value || '{{\"timestamp\": {FakeWorld.Before}}}'", Token);
        await RefusedAsync(world, dump, "newer Logto");
        File.Delete(Path.ChangeExtension(dump, ".json"));
        await RefusedAsync(world, dump, "newer Logto");

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"], ("LOGTO_INIT_AHEAD", "allow")));

        Assert.Equal(1799999999, await world.World.StateAsync());
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task Without_a_terminal_it_wants_to_be_told_and_names_the_sessions_in_the_way()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await using var logto = await OpenAsTenantAsync(world);

        var refused = await world.RunAsync(["restore", dump]);

        Expect.Ending(Refused, refused);
        Assert.Contains("--yes", refused.LastLine, StringComparison.Ordinal);
        Assert.Contains($"pid {logto.ProcessID}", refused.LastLine, StringComparison.Ordinal);
        Assert.Contains($"logto_tenant_{world.Database}_default", refused.LastLine, StringComparison.Ordinal);
        Assert.Empty(await world.RelativesAsync("before"));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 600_000)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(18)]
    public async Task Sessions_of_Logtos_roles_are_ended_where_the_owner_made_those_roles(int major)
    {
        await using var world = await BackupWorld.CreateAsync(servers, major);
        var role = $"logto_tenant_{world.Database}_default";
        await world.Server.ExecuteAsync("postgres", $"grant {role} to {world.Owner} with admin option", Token);
        var dump = await world.BackUpAsync();
        await using var logto = await OpenAsTenantAsync(world);

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ReadAsync(logto, "select '1'"));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_session_that_cannot_be_ended_is_named_and_nothing_is_changed()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await using var superusers = await world.Server.OpenAsync(world.Database, Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Refused, result);
        Assert.Contains($"pid {superusers.ProcessID}", result.LastLine, StringComparison.Ordinal);
        Assert.Empty(await world.RelativesAsync("before"));
        Assert.Empty(await world.RelativesAsync("scratch"));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("\u0003", 130)]
    [InlineData("n\n", 17)]
    [InlineData("y\n", 0)]
    public async Task A_question_is_answered_on_a_terminal_and_Ctrl_C_ends_it_at_once_without_a_trace(string typed, int exitCode)
    {
        await using var world = await BackupWorld.CreateAsync(servers, 15);
        var dump = await world.BackUpAsync();
        await using var session = await world.OpenAsync(world.Owner, PostgresDatabases.OwnerPassword);
        await using var terminal = PseudoTerminal.Start(["restore", dump], world.Variables());
        await terminal.WaitForAsync("[y/N]", Token);
        var asked = Stopwatch.GetTimestamp();

        await terminal.TypeAsync(typed);

        Assert.True(await terminal.WaitForExitAsync(Token) == exitCode, terminal.Screen);
        if (exitCode == 130)
        {
            Assert.InRange(Stopwatch.GetElapsedTime(asked), TimeSpan.Zero, TimeSpan.FromSeconds(4)); // it has eight to clean up
        }

        await session.DisposeAsync();
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task A_role_with_another_password_gets_that_of_the_backup_when_it_is_told()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var role = $"logto_tenant_{world.Database}_default";
        await world.Server.ExecuteAsync("postgres", $"grant {role} to {world.Owner} with admin option; alter role {role} password 'another'", Token);
        var dump = await world.BackUpAsync();

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Assert.Contains(role, result.StandardError, StringComparison.Ordinal);
        await using var logto = await OpenAsTenantAsync(world);
    }

    [Fact(Timeout = 600_000)]
    public async Task The_settings_of_the_restored_database_do_not_keep_its_roles_from_their_passwords()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var role = $"logto_tenant_{world.Database}_default";
        await world.Server.ExecuteAsync(
            "postgres",
            $"grant {role} to {world.Owner} with admin option; alter database {world.Database} set default_transaction_read_only = on", Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync("postgres", $"alter role {role} password 'another'", Token);

        Expect.Ending(18, await world.RunAsync(["restore", dump, "--yes"])); // read-only for Logto's roles too, as before

        await using var logto = await OpenAsTenantAsync(world);
    }

    /// <summary>A superuser has made the role: the user may not change its password, and is told so before anything is changed.</summary>
    [Theory(Timeout = 600_000)]
    [InlineData("alter role $role password 'another'", "may not change it", false)]
    [InlineData("alter role $role nologin", "not permitted to log in", true)]
    public async Task A_role_that_could_not_log_in_afterwards_stops_the_restore_before_the_swap(string change, string because, bool copies)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var role = $"logto_tenant_{world.Database}_default";
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync("postgres", $"revoke {role} from {world.Owner}", Token);
        await world.Server.ExecuteAsync("postgres", change.Replace("$role", role, StringComparison.Ordinal), Token);

        var refused = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Refused, refused);
        Assert.Contains(because, refused.LastLine, StringComparison.Ordinal);
        Assert.Equal(copies, refused.StandardError.Contains("Restoring", StringComparison.Ordinal));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_row_that_NET_cannot_represent_stops_no_restore()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            alter table users add created_at timestamptz, add last_sign_in_at timestamptz;
            create table logs (created_at timestamptz); alter table logs enable row level security; insert into logs values ('20000-01-01');
            alter table logs owner to {world.Owner}
            """,
            Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(world.Database, "insert into users (id, created_at) values ('late', '19999-01-01')", Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("20000-01-01 00:00:00 UTC", result);
    }

    [Fact(Timeout = 600_000)]
    public async Task What_this_user_cannot_end_in_the_database_is_found_before_the_copy()
    {
        await using var server = await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["max_prepared_transactions"] = "2" }, Token);
        await using var world = await BackupWorld.CreateAsync(Task.FromResult(server), null);
        var dump = await world.BackUpAsync();
        await using (await server.OpenAsync(world.Database, Token)) // a superuser's
        {
            await server.ExecuteAsync(world.Database, "begin; insert into users values ('half'); prepare transaction 'it''s'", Token);

            var refused = await world.RunAsync(["restore", dump, "--yes"]);

            Expect.Ending(Refused, refused);
            Assert.Contains("`rollback prepared 'it''s'`", refused.LastLine, StringComparison.Ordinal);
            Assert.Contains("(user postgres", refused.LastLine, StringComparison.Ordinal);
            Assert.DoesNotContain("Restoring", refused.StandardError, StringComparison.Ordinal);
        }

        await server.ExecuteAsync(world.Database, "rollback prepared 'it''s'", Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_direct_address_with_another_user_restores_to_the_same_owners()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();

        var result = await world.RunAsync(["restore", dump, "--yes"], ("LOGTO_INIT_DIRECT_URL", world.Server.Url(world.Database)));

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("objects of the backup, with the same owners, rights and definitions", result);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 600_000)]
    public async Task No_log_of_a_server_shows_the_passwords_that_a_restore_sets()
    {
        await using var server = await PostgresServer.StartAsync(
            17, new Dictionary<string, string> { ["log_statement"] = "all", ["log_parameter_max_length"] = "-1", ["logging_collector"] = "on", ["log_directory"] = "log" }, Token);
        await using var world = await BackupWorld.CreateAsync(Task.FromResult(server), null);
        var role = $"logto_tenant_{world.Database}_default";
        var password = await server.QuerySingleAsync<string>(world.Database, $"select db_user_password::text from tenants where db_user = '{role}'", Token);
        await server.ExecuteAsync("postgres", $"grant {role} to {world.Owner} with admin option; alter role {role} password 'another'", Token);
        var dump = await world.BackUpAsync();
        await using var before = await server.OpenAsync("postgres", Token);
        await server.ExecuteAsync("postgres", "select pg_rotate_logfile()", Token);

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));

        await using var logto = await OpenAsTenantAsync(world);
        var log = await server.QueryAsync<string>("postgres", "select pg_read_file('log/' || name) from pg_ls_logdir()", Token);
        Assert.Contains(log, text => text.Contains("SCRAM-SHA-256$4096:", StringComparison.Ordinal));
        Assert.DoesNotContain(log, text => text.Contains($"alter role \"{role}\" password '{password}'", StringComparison.Ordinal));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_template_is_restored_and_a_refusal_leaves_no_copy_of_it()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var reader = $"reader_{world.Database}";
        await world.Server.ExecuteAsync("postgres", $"create role {reader}; grant create on database {world.Database} to {reader}; alter database {world.Database} is_template true", Token);
        var dump = await world.BackUpAsync();
        var record = await File.ReadAllTextAsync(Path.ChangeExtension(dump, ".json"), Token);
        await File.WriteAllTextAsync(Path.ChangeExtension(dump, ".json"), record.Replace($"{reader}=create", $"{reader}=connect,create", StringComparison.Ordinal), Token);

        await RefusedAsync(world, dump, $"the database role '{reader}' loses connect");
        await world.LeavesNothingAsync();

        await File.WriteAllTextAsync(Path.ChangeExtension(dump, ".json"), record, Token);
        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_refusal_removes_the_roles_that_it_has_made()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var definitions = Path.Combine(world.Folder, "definitions.dump");
        await Tool.RunAsync(
            Path.Combine(PostgresClients.For(world.Server.Major), "pg_dump"), ["--format=custom", "--schema-only", $"--file={definitions}", world.OwnersUrl], cancellationToken: Token);
        await using var fresh = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await fresh.CreateUserAsync("newcomer", "pw", "createdb createrole", Token);

        (string, string?) there = ("DB_URL", fresh.Url(world.Database, "newcomer", "pw"));
        await fresh.ExecuteAsync("postgres", "alter role newcomer nocreaterole", Token);
        var early = await world.RunAsync(["restore", definitions, "--yes"], there);
        Expect.Ending(Refused, early);
        Assert.Contains("alter role \"newcomer\" createrole", early.LastLine, StringComparison.Ordinal);
        Assert.DoesNotContain("Restoring", early.StandardError, StringComparison.Ordinal); // before the copy
        await fresh.ExecuteAsync("postgres", "alter role newcomer createrole", Token);

        var result = await world.RunAsync(["restore", definitions, "--yes"], there);

        Expect.Ending(Refused, result);
        Assert.Contains("not a complete Logto database", result.LastLine, StringComparison.Ordinal);
        Assert.Empty(await fresh.QueryAsync<string>("postgres", "select rolname::text from pg_roles where rolname like 'logto\\_%'", Token));
        Assert.Empty(await fresh.QueryAsync<string>("postgres", $"select datname::text from pg_database where datname like '{world.Database}%'", Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_question_that_nobody_could_see_is_not_asked()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var log = Path.Combine(world.Folder, "log");
        await using var terminal = PseudoTerminal.Start(["restore", dump], world.Variables(), $"2>'{log}'");

        Assert.Equal(Refused, await terminal.WaitForExitAsync(Token));

        Assert.DoesNotContain("[y/N]", await File.ReadAllTextAsync(log, Token), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_Logto_in_the_database_postgres_is_restored_too()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        await using var world = await BackupWorld.CreateAsync(Task.FromResult(server), null);
        await server.ExecuteAsync("template1", $"drop database postgres with (force); alter database {world.Database} rename to postgres", Token);
        (string, string?) there = ("DB_URL", server.Url("postgres"));
        Expect.Ending(Expect.Success, await world.RunAsync("backup", there));

        var result = await world.RunAsync(["restore", Path.Combine(world.Folder, Assert.Single(world.Dumps)), "--yes"], there);

        Expect.Ending(Expect.Success, result);
        Assert.Equal(FakeWorld.Before, await server.StateAsync("postgres", Token));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("""{"version": 3}""")]
    [InlineData("no JSON")]
    public async Task A_record_that_cannot_be_read_is_not_taken_for_none(string record)
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await File.WriteAllTextAsync(Path.ChangeExtension(dump, ".json"), record, Token);

        await RefusedAsync(world, dump, "cannot be read, or is of a newer version");
    }

    [Fact(Timeout = 600_000)]
    public async Task What_the_user_may_not_do_is_said_before_anything_is_begun()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} nocreatedb", Token);
        await RefusedAsync(world, dump, $"alter role \"{world.Owner}\" createdb");
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Owner} createdb; alter database {world.Database} owner to postgres; grant connect on database {world.Database} to {world.Owner}", Token);

        await RefusedAsync(world, dump, $"owner to \"{world.Owner}\"");
    }

    [Fact(Timeout = 900_000)]
    public async Task What_is_the_operators_own_is_carried_over_where_it_can_be_and_named_before_where_not()
    {
        await using var world = await BackupWorld.CreateAsync(servers, 15);
        var (name, owner) = (world.Database, world.Owner);
        await world.Server.ExecuteAsync(
            name,
            $"""
            create role reports_{name}; create role readers_{name} login; create role gone_{name};
            create schema ops authorization reports_{name}; grant usage on schema ops to {owner};
            create table ops.notes (id int primary key, "odd; 'name" text default 'a;b'); insert into ops.notes values (1, E'tab\tand \\ backslash'), (2, null);
            grant select on ops.notes to {owner};
            create function ops.watch() returns event_trigger language plpgsql as $$ begin end $$;
            create event trigger watch_{name} on ddl_command_end when tag in ('CREATE AGGREGATE') execute function ops.watch();
            create publication some_{name} for table users; create publication all_{name} for all tables;
            grant select on users to readers_{name}, gone_{name};
            alter default privileges for role {owner} in schema public grant select on tables to readers_{name};
            alter database {name} connection limit 77; alter database {name} set search_path to 'public', 'ops'; alter role {owner} in database {name} set work_mem = '8MB';
            comment on database {name} is E'it''s; the\n"login"'; revoke connect on database {name} from public;
            grant connect on database {name} to {owner}, logto_tenant_{name}, readers_{name};
            alter schema public owner to postgres; grant all on schema public to {owner}; create table plain (id int); alter table plain owner to {owner}; alter table plain enable row level security;
            """,
            Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(name, $"drop owned by gone_{name}; drop role gone_{name}", Token);
        var before = await world.RowsAsync();

        var unconfirmed = await world.RunAsync(["restore", dump]);
        var refused = await world.RunAsync(["restore", dump, "--yes"]);
        Expect.Ending(Refused, refused);
        var result = await world.RunAsync([.. refused.LastLine.Split("`logto-migrate-init ")[1].Split('`')[0].Split(' ')]);

        foreach (var run in new[] { unconfirmed, refused, result })
        {
            Expect.LogContains($"event trigger watch_{name}", run);
            Expect.LogContains($"publication all_{name}", run);
            Expect.LogContains($"the restore leaves out their grants: gone_{name}", run);
        }

        Expect.Ending(Expect.Success, result);
        Expect.LogContains($"schema ops: belonged to 'reports_{name}' and belongs to '{owner}' now", result);
        Assert.Contains("differ from the backup", result.LastLine, StringComparison.Ordinal);
        Assert.Equal(before, await world.RowsAsync());
        Assert.Equal([$"some_{name}"], await world.Server.QueryAsync<string>(name, "select pubname::text from pg_publication", Token));
        Assert.Equal(77, await world.Server.QuerySingleAsync<int>(name, "select datconnlimit from pg_database where datname = current_database()", Token));
        Assert.Equal("it's; the\n\"login\"", await world.Server.QuerySingleAsync<string>(name, "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()", Token));
        Assert.Equal(2, await world.Server.QuerySingleAsync<long>(name, "select count(*) from pg_db_role_setting s join pg_database d on d.oid = setdatabase where datname = current_database()", Token));
        Assert.Equal("public, ops", await world.Server.QuerySingleAsync<string>(name, "show search_path", Token));
        Assert.False(await world.Server.QuerySingleAsync<bool>(name, "select exists (select from pg_database d, aclexplode(d.datacl) a where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'CONNECT')", Token));
        Assert.True(await world.Server.QuerySingleAsync<bool>(name, $"select has_table_privilege('readers_{name}', 'users', 'SELECT') and has_database_privilege('readers_{name}', current_database(), 'CONNECT')", Token));
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_Logto_in_a_schema_of_its_own_is_restored_with_its_roles_and_its_way_there()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var (name, owner, roles) = (world.Database, world.Owner, $"logto_tenant_{world.Database}");
        await world.Server.ExecuteAsync(
            name,
            $"""
            create schema auth authorization {owner}; grant usage on schema auth to {roles};
            do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = 'public' loop execute format('alter table public.%I set schema auth', t); end loop; end $$;
            alter role {owner} in database {name} set search_path = auth;
            alter role {roles}_default in database {name} set search_path = auth; alter role {roles}_admin in database {name} set search_path = auth;
            """,
            Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(name, $"drop owned by {roles}_default, {roles}_admin, {roles}; drop role {roles}_default, {roles}_admin, {roles}", Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("2 of 2 of Logto's own roles", result);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 600_000)]
    public async Task An_operators_database_that_is_called_like_a_scratch_one_is_left_alone()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var theirs = $"{world.Database}_scratch_20261126";
        await world.Server.CreateDatabaseAsync(theirs, world.Owner, Token);

        Expect.Ending(Expect.Success, await world.RunAsync(["restore", dump, "--yes"]));

        Assert.Equal([theirs], await world.RelativesAsync("scratch"));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_dump_without_rows_and_without_a_record_is_refused()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var definitions = Path.Combine(world.Folder, "definitions.dump");
        await Tool.RunAsync(
            Path.Combine(PostgresClients.For(world.Server.Major), "pg_dump"), ["--format=custom", "--schema-only", $"--file={definitions}", world.OwnersUrl], cancellationToken: Token);

        await RefusedAsync(world, definitions, "not a complete Logto database");
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task A_restore_that_is_refused_in_the_end_has_changed_no_password()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var role = $"logto_tenant_{world.Database}_default";
        await world.Server.ExecuteAsync("postgres", $"grant {role} to {world.Owner} with admin option; alter role {role} password 'rotated'", Token);
        await using var superusers = await world.Server.OpenAsync(world.Database, Token);

        Expect.Ending(Refused, await world.RunAsync(["restore", dump, "--yes"]));

        await using var logto = await world.OpenAsync(role, "rotated");
    }

    [Fact(Timeout = 600_000)]
    public async Task A_pg_restore_that_is_killed_after_an_error_that_does_not_count_has_failed()
    {
        // The real one, of which the last part is missing, and the death of one that the kernel ends.
        await using var world = await BackupWorld.CreateAsync(
            servers.GetAsync(16), "case $* in *dbname=*) grep -vE 'CONSTRAINT|INDEX|POLICY|ROW SECURITY' | \"$REAL\" \"$@\"; kill -9 $$ ;; esac");
        var dump = await world.BackUpAsync();

        await RefusedAsync(world, dump, "pg_restore failed");
    }

    [Fact(Timeout = 600_000)]
    public async Task Behind_a_pooler_the_address_of_the_server_itself_is_asked_for()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        await using var pooler = await PgBouncer.StartAsync(world.Server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", Token);

        var result = await world.RunAsync(["restore", dump, "--yes"], ("DB_URL", pooler.Url(world.Database)));

        Expect.Ending(Refused, result);
        Assert.Contains("LOGTO_INIT_DIRECT_URL", result.LastLine, StringComparison.Ordinal);
    }

    private static async Task RefusedAsync(BackupWorld world, string file, string because)
    {
        var before = await world.RowsAsync();
        var result = await world.RunAsync(["restore", file, "--yes"]);
        Expect.Ending(Refused, result);
        Assert.Contains(because, result.LastLine, StringComparison.Ordinal);
        Assert.Equal(before, await world.RowsAsync());
        Assert.Empty(await world.RelativesAsync("before"));
    }

    /// <summary>As the tenant's role: the tenant's rows, and neither the state nor a password.</summary>
    private static async Task ReadsItsOwnAsync(PostgresServer server, TenantWorld world, string tenant)
    {
        var password = await server.QuerySingleAsync<string>(world.Database, $"select db_user_password from tenants where id = '{tenant}'", Token);
        await using var connection = await BackupWorld.OpenAsync(server, world.Database, world.Role(tenant), password);
        Assert.Equal([tenant], await ReadAsync(connection, "select distinct tenant_id from sign_in_experiences"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ReadAsync(connection, "select key from systems"))).SqlState);
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ReadAsync(connection, "select db_user_password from tenants"))).SqlState);
    }

    private static Task<ToolResult> DumpAsync(string client, string url, string file, string format) =>
        Tool.RunAsync(Path.Combine(client, "pg_dump"), [$"--format={format}", $"--file={file}", url], cancellationToken: Token);

    private static Task<NpgsqlConnection> OpenAsTenantAsync(BackupWorld world) => world.OpenAsync($"logto_tenant_{world.Database}_default", "fake-password");

    private static async Task<IReadOnlyList<string>> ReadAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(Token);
        var values = new List<string>();
        while (await reader.ReadAsync(Token))
        {
            values.Add(reader.GetString(0));
        }

        return values;
    }

    private static Task<IReadOnlyList<string>> AttributesAsync(PostgresServer server, string database) => server.QueryAsync<string>(
        database,
        $"""
        select format('%s login=%s inherit=%s super=%s member of %s', r.rolname, r.rolcanlogin, r.rolinherit, r.rolsuper,
            (select string_agg(p.rolname, ',' order by p.rolname) from pg_auth_members m join pg_roles p on p.oid = m.roleid where m.member = r.oid))
          from pg_roles r where starts_with(r.rolname, 'logto_tenant_{database}') order by 1
        """,
        Token);
}
