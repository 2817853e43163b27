using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Recovery;

/// <summary>What is restored besides rows: owners, rights, comments and what needs extensions. What is not the same is named.</summary>
public sealed class RestoredObjectsSpecs(SharedServers servers)
{
    private const int Refused = 17;

    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 600_000)]
    [InlineData(14)]
    [InlineData(17)]
    public async Task The_comment_on_the_schema_public_is_restored_or_named(int major)
    {
        await using var world = await BackupWorld.CreateAsync(servers, major);
        await world.Server.ExecuteAsync(world.Database, "comment on schema public is 'OUR public'", Token);
        var dump = await world.BackUpAsync();

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        var comment = await world.Server.QuerySingleAsync<string>(world.Database, "select obj_description('public'::regnamespace)", Token);
        Assert.True(comment == "OUR public" || result.StandardError.Contains("comment schema public: is not defined as it was", StringComparison.Ordinal), comment);
        Assert.Equal(major >= 15, comment == "OUR public");
    }

    /// <summary>A new database of PostgreSQL 14 lets everybody create in "public" (CVE-2018-1058), which was closed in the dumped one.</summary>
    [Fact(Timeout = 600_000)]
    public async Task The_schema_public_is_not_opened_without_being_accepted()
    {
        await using var world = await BackupWorld.CreateAsync(servers, 14);
        await world.Server.ExecuteAsync(
            world.Database, $"revoke create on schema public from public; grant create, usage on schema public to {world.Owner}", Token);
        var dump = await world.BackUpAsync();
        var before = await world.RowsAsync();

        var refused = await world.RunAsync(["restore", dump, "--yes"]);
        Expect.Ending(Refused, refused);
        Assert.Contains("--accept=public", refused.LastLine, StringComparison.Ordinal);
        Assert.Equal(before, await world.RowsAsync());
        await world.LeavesNothingAsync();

        var bySuperuser = await world.RunAsync(["restore", dump, "--yes"], ("DB_URL", world.Server.Url(world.Database)));
        Expect.Ending(Expect.Success, bySuperuser);
        Assert.False(await MayEverybodyCreateAsync(world));

        Expect.Ending(Expect.Success, await world.RunAsync(CommandIn(refused)));
        Assert.True(await MayEverybodyCreateAsync(world));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_database_of_a_group_still_belongs_to_the_group()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var (name, group) = (world.Database, $"group_{world.Database}");
        await world.Server.ExecuteAsync(
            name,
            $"""
            create role {group}; grant {group} to {world.Owner}; create role rotated_{name} login in role {group};
            alter database {name} owner to {group}; reassign owned by {world.Owner} to {group};
            """,
            Token);
        var dump = await world.BackUpAsync();

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Assert.Equal(group, await world.Server.QuerySingleAsync<string>(name, "select tableowner::text from pg_tables where tablename = 'users'", Token));
        Assert.Equal(group, await world.Server.QuerySingleAsync<string>(name, "select pg_get_userbyid(datdba)::text from pg_database where datname = current_database()", Token));
        Assert.True(await world.Server.QuerySingleAsync<bool>(name, $"select has_table_privilege('rotated_{name}', 'users', 'SELECT, INSERT, UPDATE, DELETE')", Token));
        Expect.LogContains("objects of the backup, with the same owners, rights and definitions", result);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Fact(Timeout = 600_000)]
    public async Task An_owner_that_this_server_does_not_have_is_named_and_stops_nothing()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var (name, gone) = (world.Database, $"gone_{world.Database}");
        await world.Server.ExecuteAsync(
            name, $"create role {gone}; create table notes (id int); alter table notes owner to {gone}; grant select on notes to {world.Owner}; alter table notes enable row level security; create policy p on notes", Token);
        await world.Server.ExecuteAsync(name, $"alter role {world.Owner} bypassrls", Token);
        var dump = await world.BackUpAsync();
        await world.Server.ExecuteAsync(name, $"drop owned by {gone}; drop role {gone}", Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains($"table public.notes: belonged to '{gone}', which this server does not have, and belongs to '{world.Owner}' now", result);
        Assert.Contains("Some objects are left out or differ from the backup", result.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_role_of_this_server_that_would_gain_or_lose_a_right_stops_the_restore()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var (name, reader) = (world.Database, $"reader_{world.Database}");
        await world.Server.ExecuteAsync(name, $"create role {reader}; grant select on users to {reader}", Token);
        var dump = await world.BackUpAsync();
        var record = Path.ChangeExtension(dump, ".json");
        await File.WriteAllTextAsync(record, (await File.ReadAllTextAsync(record, Token)).Replace($"{reader}=select", $"{reader}=select,update", StringComparison.Ordinal), Token);

        var refused = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Refused, refused);
        Expect.LogContains($"table public.users: role '{reader}' loses update", refused);
        Assert.Contains("--accept=grants", refused.LastLine, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
        Expect.Ending(Expect.Success, await world.RunAsync(CommandIn(refused)));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_change_of_access_is_asked_for_at_a_terminal()
    {
        await using var world = await BackupWorld.CreateAsync(servers, 14);
        await world.Server.ExecuteAsync(world.Database, $"revoke create on schema public from public; grant create, usage on schema public to {world.Owner}", Token);
        var dump = await world.BackUpAsync();
        await using var terminal = PseudoTerminal.Start(["restore", dump], world.Variables());

        await terminal.WaitForAsync("This restore changes who has access (public; see above). Accept that? [y/N]", Token);
        await terminal.TypeAsync("y\n");
        await terminal.WaitForAsync("keep the present one under another name? [y/N]", Token);
        await terminal.TypeAsync("y\n");

        Assert.Equal(0, await terminal.WaitForExitAsync(Token));
        Assert.True(await MayEverybodyCreateAsync(world));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("--accept=everything", "everything")]
    [InlineData("--accept=public,", "''")]
    public async Task An_unknown_change_of_access_is_a_usage_error(string option, string named)
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var result = await world.RunAsync(["restore", "x.dump", "--yes", option]);

        Expect.Ending(2, result);
        Assert.Contains(named, result.LastLine, StringComparison.Ordinal);
    }

    /// <summary>As pg_cron and PostGIS have them: an extension that only a superuser can create, with rows of the operator's.</summary>
    [Fact(Timeout = 600_000)]
    public async Task What_needs_an_extension_that_the_user_cannot_create_is_left_out_and_the_backup_says_so()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var (name, owner) = (world.Database, world.Owner);
        await world.Server.ExecuteAsync(
            name,
            $"""
            create extension pg_stat_statements;
            create table jobs (id serial primary key, what text); insert into jobs (what) values ('vacuum'); alter table jobs enable row level security;
            alter extension pg_stat_statements add table jobs; alter extension pg_stat_statements add sequence jobs_id_seq;
            update pg_extension set extconfig = array['jobs'::regclass, 'jobs_id_seq'::regclass]::oid[], extcondition = array['', ''] where extname = 'pg_stat_statements';
            grant select on jobs, jobs_id_seq to {owner}; alter role {owner} bypassrls;
            set role {owner};
            create schema crm; create view crm.statements as select userid from pg_stat_statements;
            comment on view crm.statements is 'ours'; comment on column crm.statements.userid is 'ours'; grant select on crm.statements to public;
            create table crm.kept (id int); insert into crm.kept values (1);
            """,
            Token);

        var backup = await world.RunAsync("backup", ("LOGTO_INIT_BACKUP_VERIFY", "restore"));
        Expect.Ending(Expect.Success, backup);
        var result = await world.RunAsync(["restore", Path.Combine(world.Folder, Assert.Single(world.Dumps)), "--yes"]);

        Expect.Ending(Expect.Success, result);
        foreach (var run in new[] { backup, result })
        {
            Expect.LogContains("extension pg_stat_statements", run);
            Expect.LogContains("VIEW crm statements", run);
            Expect.LogContains("the rows of public jobs", run);
        }

        Assert.Contains("which leaves out", backup.LastLine, StringComparison.Ordinal);
        Assert.Contains("left out or differ from the backup", result.LastLine, StringComparison.Ordinal);
        Assert.Equal(["1"], await world.Server.QueryAsync<string>(name, "select id::text from crm.kept", Token));
    }

    [Fact(Timeout = 600_000)]
    public async Task Sequences_at_the_ends_of_their_ranges_and_the_rights_of_a_role_whose_name_has_lines_are_compared()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var role = $"two\nlines {world.Database}";
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            create role "{role}"; grant select on users to "{role}";
            set role {world.Owner};
            create sequence far increment -2 start -9223372036854775807 minvalue -9223372036854775808; select nextval('far');
            create sequence farther increment 9223372036854775807 start -9223372036854775808 minvalue -9223372036854775808;
            """,
            Token);

        var dump = await world.BackUpAsync();
        var refused = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Refused, refused); // no grant to such a role is found in a dump
        Expect.LogContains("loses select", refused);
        var result = await world.RunAsync(CommandIn(refused));
        Expect.Ending(Expect.Success, result);
        Assert.Contains("Some objects are left out or differ from the backup", result.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_right_on_what_every_database_has_is_not_given_back_to_everybody_without_being_accepted()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, "revoke usage on language plpgsql from public; revoke execute on function pg_sleep(double precision) from public", Token);
        var dump = await world.BackUpAsync();

        var refused = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Refused, refused);
        Assert.Contains("LANGUAGE plpgsql", refused.LastLine, StringComparison.Ordinal);
        Assert.DoesNotContain("with the same owners, rights", refused.StandardError, StringComparison.Ordinal);
        await world.LeavesNothingAsync();
        var result = await world.RunAsync(CommandIn(refused));
        Expect.Ending(Expect.Success, result);
        Assert.Contains("Some objects are left out or differ from the backup", result.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_damaged_dump_without_its_record_is_known_by_its_name()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        File.Delete(Path.ChangeExtension(dump, ".json"));
        var bytes = await File.ReadAllBytesAsync(dump, Token);
        bytes[bytes.Length * 4 / 7] ^= 255;
        await File.WriteAllBytesAsync(dump, bytes, Token);

        var damaged = await world.RunAsync(["restore", dump, "--yes"]);
        Expect.Ending(Refused, damaged);
        Assert.Contains("as its name says", damaged.LastLine, StringComparison.Ordinal);

        bytes[bytes.Length * 4 / 7] ^= 255;
        await File.WriteAllBytesAsync(dump, bytes, Token);
        var whole = await world.RunAsync(["restore", dump, "--yes"]);
        Expect.Ending(Expect.Success, whole);
        Assert.Contains("It has no record", whole.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_record_of_the_first_version_is_restored_and_its_gap_is_named()
    {
        await using var world = await BackupWorld.CreateAsync(servers);
        var dump = await world.BackUpAsync();
        var record = await BackupWorld.RecordAsync(dump);
        record["version"] = 1;
        record.AsObject().Remove("catalog");
        record.AsObject().Remove("needExtension");
        await File.WriteAllTextAsync(Path.ChangeExtension(dump, ".json"), record.ToJsonString(), Token);

        var result = await world.RunAsync(["restore", dump, "--yes"]);

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("has no catalog", result);
        Assert.Contains("Its owners and rights were not", result.LastLine, StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_function_that_changes_during_the_dump_is_not_taken_for_compared()
    {
        const string Change = """
            case "$*" in *--snapshot*) "$(dirname "$REAL")/psql" -c 'create or replace function now_and_then() returns int language sql as $$ select 2 $$' > /dev/null ;; esac
            """;
        await using var world = await BackupWorld.CreateAsync(servers, script: Change);
        await world.Server.ExecuteAsync(
            world.Database, $"set role {world.Owner}; create function now_and_then() returns int language sql as $$ select 1 $$", Token);

        var result = await world.RunAsync("backup");

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("function public.now_and_then()", result);
        var restored = await world.RunAsync(["restore", Path.Combine(world.Folder, Assert.Single(world.Dumps)), "--yes"]);
        Expect.LogContains("function public.now_and_then(): changed during the dump, or could not be read, so its definition is not compared", restored);
    }

    private static string[] CommandIn(GateResult refused) => refused.LastLine.Split("`logto-migrate-init ")[1].Split('`')[0].Split(' ');

    private static Task<bool> MayEverybodyCreateAsync(BackupWorld world) => world.Server.QuerySingleAsync<bool>(
        world.Database, "select exists (select from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'public' and a.grantee = 0 and a.privilege_type = 'CREATE')", Token);
}
