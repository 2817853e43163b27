using System.Text.Json.Nodes;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests.Rehearsal;

/// <summary><c>check --drift</c> names each thing that somebody else has done; that it names nothing else, <see cref="UpgradeSpecs"/> see.</summary>
public sealed class DriftSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(17, Traits = ["Run", "quick"])]
    public async Task Each_thing_that_is_removed_changed_or_added_is_named_and_what_can_be_mended_is(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var tenants = $"logto_tenant_{world.Database}";
        await world.ExecuteAsync($"""
            create table own_table (id int primary key);
            alter table own_table enable row level security;
            create function own_function() returns int language sql as 'select 1';
            drop index users__name;
            alter table users alter column name type varchar(200);
            alter table users alter column is_suspended drop default;
            alter table users add column extra int;
            alter table users add constraint extra_is_positive check (extra > 0);
            create index users__extra on users (extra);
            alter table roles drop constraint roles__name;
            alter table roles add constraint not_valid_yet check (name <> '') not valid;
            alter table hooks drop constraint hooks_tenant_id_fkey;
            alter table hooks add constraint hooks_tenant_id_fkey foreign key (tenant_id) references tenants (id) on update cascade on delete cascade not valid;
            drop policy resources_tenant_id on resources;
            create policy own_policy on resources for select using (true);
            alter policy scopes_tenant_id on scopes using (true);
            alter table scopes disable trigger set_tenant_id;
            drop trigger set_tenant_id on resources;
            create or replace function set_updated_at() returns trigger language plpgsql as 'begin return new; end';
            revoke select on users from {tenants};
            grant delete on systems to {tenants};
            grant update (id) on tenants to {tenants};
            alter table organizations drop column created_at;
            drop table personal_access_tokens;
            """);
        await world.Server.ExecuteAsync(world.Database, $"delete from pg_enum where enumlabel = 'Failed' and enumtypid = 'sentinel_action_result'::regtype; update pg_index set indisvalid = false where indexrelid = 'users__id'::regclass; create role {PostgresDatabases.Quote($"other_{world.Database}")}; alter table hooks owner to {PostgresDatabases.Quote($"other_{world.Database}")}; grant {PostgresDatabases.Quote($"other_{world.Database}")} to {PostgresDatabases.Quote(world.Owner)}", Token);

        var result = await world.RunAsync(["check", "--drift", "--output", "json"]);

        Expect.Ending(Expect.Unstartable, result); // rights, a policy and a trigger without which Logto fails come first, and all that differs is told too
        var drift = JsonNode.Parse(result.StandardOutput)!["drift"]!;
        var differences = drift["differences"]!.AsArray();
        Assert.Equal(
            new[]
            {
                "missing table personal_access_tokens",
                "different enum sentinel_action_result: alter type sentinel_action_result add value 'Failed' after 'Success'",
                "different column users.name",
                "missing column organizations.created_at: alter table organizations add column created_at timestamp with time zone default now() not null",
                "added column users.extra",
                "missing default users.is_suspended: alter table users alter column is_suspended set default false",
                "missing constraint roles__name on roles: alter table roles add constraint roles__name UNIQUE (tenant_id, name)",
                "different constraint hooks_tenant_id_fkey on hooks: alter table hooks validate constraint hooks_tenant_id_fkey",
                "added constraint extra_is_positive on users",
                "added constraint not_valid_yet on roles",
                "added index users__extra on users",
                "different index users__id on users: reindex index concurrently users__id",
                "missing index users__name on users: CREATE INDEX CONCURRENTLY users__name ON users USING btree (tenant_id, name)",
                "different trigger set_tenant_id on scopes: alter table scopes enable trigger set_tenant_id",
                "missing trigger set_tenant_id on resources: CREATE TRIGGER set_tenant_id BEFORE INSERT ON resources FOR EACH ROW EXECUTE FUNCTION set_tenant_id()",
                "added policy own_policy on resources",
                "missing policy resources_tenant_id on resources",
                "different policy scopes_tenant_id on scopes",
                $"different owner hooks: alter table hooks owner to \"{world.Owner}\"",
                $"added grant systems to {tenants}: revoke delete on table systems from {tenants}",
                $"different grant users to {tenants}: grant select on table users to {tenants}",
                $"different grant tenants.id to {tenants}: revoke update (id) on table tenants from {tenants}",
                "different function set_updated_at()",
            }.Order(StringComparer.Ordinal),
            differences.Select(difference => $"{difference!["what"]} {difference["kind"]} {difference["name"]}{((string)difference["kind"]! is "policy" or "function" ? "" : difference["sql"] is { } sql ? $": {sql}" : "")}").Order(StringComparer.Ordinal));
        Assert.Equal(["function own_function()", "table own_table"], drift["notLogtos"]!.AsArray().Select(name => (string)name!));

        // What is said to mend it does: afterwards only what no statement is certain to mend is left.
        await RepairAsync(world, differences);
        var again = await DriftAsync(world);
        Assert.All(again, difference => Assert.Null((string?)difference!["sql"]));
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task Rights_owners_rules_attributes_and_storage_are_compared_and_the_SQL_leaves_no_difference(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var tenants = $"logto_tenant_{world.Database}";
        var (owner, other) = (PostgresDatabases.Quote(world.Owner), PostgresDatabases.Quote($"other_{world.Database}"));
        await world.Server.ExecuteAsync(world.Database, $"create role {other}; alter default privileges grant all on tables to {other}", Token);
        await world.ExecuteAsync($"""
            revoke execute on function check_role_type(varchar, role_type) from public;
            grant execute on function set_tenant_id() to {tenants};
            revoke usage on type role_type from public;
            revoke update, delete on organization_roles from {owner};
            revoke all on custom_phrases from {owner};
            grant select on tenants to public;
            grant select (id, db_user_password) on tenants to public;
            grant insert on domains to {tenants} with grant option;
            grant select, update on logs to {other};
            create rule no_delete as on delete to users do instead nothing;
            alter table users disable rule no_delete;
            create rule no_insert as on insert to hooks do instead nothing;
            alter function set_tenant_id() security definer;
            alter table logs replica identity full;
            alter table hooks replica identity nothing;
            alter table logs set (fillfactor = 50, autovacuum_enabled = false);
            alter table oidc_model_instances reset (autovacuum_vacuum_threshold);
            alter table oidc_model_instances set (autovacuum_analyze_threshold = 1);
            alter table daily_active_users set unlogged;
            alter table users alter column profile drop default;
            alter table users alter column name set default 'nobody';
            alter table users alter column name set not null;
            create trigger own_trigger before insert on hooks for each row execute function set_tenant_id();
            drop policy hooks_tenant_id on hooks;
            create policy hooks_all on hooks using (true);
            alter table hooks no force row level security;
            alter table hooks disable row level security;
            """);
        await world.Server.ExecuteAsync(world.Database, $"alter function check_application_type(varchar, application_type[]) owner to {other}; alter type role_type owner to {other}; alter table sso_connectors owner to {other}; alter role {tenants}_admin bypassrls", Token);

        var drift = await DriftAsync(world);

        Assert.Equal(
            [
                "added default users.name",
                "added grant set_tenant_id() to TENANTS",
                "added grant tenants to public",
                "added grant tenants.db_user_password to public",
                "added grant tenants.id to public",
                "added not null users.name",
                "added policy hooks_all on hooks",
                "added rule no_delete on users",
                "added rule no_insert on hooks",
                "added storage parameters logs",
                "added trigger own_trigger on hooks (no SQL)",
                "different function set_tenant_id()",
                "different grant domains to TENANTS",
                "different grant organization_roles to its owner",
                "different owner check_application_type(application_id character varying, VARIADIC target_type application_type[])",
                "different owner role_type",
                "different owner sso_connectors",
                "different replica identity hooks",
                "different replica identity logs",
                "different role TENANTS_admin",
                "different row-level security hooks",
                "different storage parameters oidc_model_instances",
                "different table daily_active_users",
                "missing default users.profile",
                "missing grant check_role_type(role_id character varying, target_type role_type) to public",
                "missing grant custom_phrases to its owner",
                "missing grant role_type to public",
                "missing policy hooks_tenant_id on hooks",
            ],
            drift.Select(each => $"{each!["what"]} {each["kind"]} {each["name"]}{(each["sql"] is null ? " (no SQL)" : "")}".Replace(tenants, "TENANTS", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        await RepairAsync(world, drift);
        Assert.Equal(["added trigger own_trigger on hooks"], (await DriftAsync(world)).Select(each => $"{each!["what"]} {each["kind"]} {each["name"]}"));
        Assert.Equal(0L, await world.Server.QuerySingleAsync<long>(world.Database, "select count(*) from pg_policy where polname = 'hooks_all'", Token));
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task A_restored_dump_with_default_rights_of_other_roles_has_no_drift(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major, new LogtoRelease("1.40.1"));
        var (other, restored) = (PostgresDatabases.Quote($"other_{world.Database}"), $"{world.Database}_again");
        await world.Server.ExecuteAsync("postgres", $"create role {other}", Token);
        await world.Server.ExecuteAsync("postgres", $"create database {restored} owner {PostgresDatabases.Quote(world.Owner)}", Token);
        await world.ExecuteAsync(string.Concat(new[] { "tables", "functions", "sequences", "types" }.Select(kind => $"alter default privileges grant all on {kind} to {other};")));
        Expect.Ending(Expect.Success, await world.RunAsync(["migrate"]));
        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--drift"]));

        var (tools, file) = (PostgresClients.For(major), Path.GetTempFileName());
        await Tool.RunAsync(Path.Combine(tools, "pg_dump"), ["--format=custom", $"--file={file}", world.Server.Url(world.Database)], cancellationToken: Token);
        await Tool.RunAsync(Path.Combine(tools, "pg_restore"), ["--exit-on-error", $"--dbname={world.Server.Url(restored)}", file], cancellationToken: Token);
        File.Delete(file);

        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--drift"], ("DB_URL", world.Server.Url(restored, world.Owner, PostgresDatabases.OwnerPassword))));
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task The_SQL_names_the_roles_that_a_renamed_database_really_has(int major)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var (renamed, parent) = ($"{world.Database}-b", $"logto_tenant_$$ \"odd\" {world.Database}");
        await world.Server.ExecuteAsync("postgres", $"alter role logto_tenant_{world.Database} rename to {PostgresDatabases.Quote(parent)}", Token);
        await world.ExecuteAsync($"revoke insert on users from {PostgresDatabases.Quote(parent)}; revoke all on roles from {PostgresDatabases.Quote(parent)}");
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} rename to {PostgresDatabases.Quote(renamed)}", Token);
        var url = ("DB_URL", world.Server.Url(renamed, world.Owner, PostgresDatabases.OwnerPassword));

        var result = await world.RunAsync(["check", "--drift", "--output", "json"], url);

        var differences = JsonNode.Parse(result.StandardOutput)!["drift"]!["differences"]!.AsArray();
        Assert.Equal([$"grant delete, insert, select, update on table roles to {PostgresDatabases.Quote(parent)}", $"grant insert on table users to {PostgresDatabases.Quote(parent)}"], differences.Select(each => (string)each!["sql"]!));
        foreach (var each in differences)
        {
            await world.Server.ExecuteAsync(renamed, (string)each!["sql"]!, Token);
        }

        Expect.Ending(Expect.Success, await world.RunAsync(["check", "--drift"], url));
    }

    [Fact(Timeout = 1_200_000)]
    public async Task The_last_line_counts_what_has_no_SQL_and_an_index_waits_for_its_column()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("alter table passcodes drop column type; alter table logs set unlogged");

        var result = await world.RunAsync(["check", "--drift"]);

        Expect.Ending(15, result);
        Assert.Contains("4 of 5 have no SQL, and the report above has it for the others", result.LastLine, StringComparison.Ordinal);
        Assert.Contains("table logs is unlogged instead of logged", result.StandardOutput, StringComparison.Ordinal);
        Assert.DoesNotContain("CREATE INDEX", result.StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Timeout = 1_200_000)]
    public async Task Row_level_security_that_is_off_stays_exit_code_7_and_what_differs_is_told_too()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("alter table roles disable row level security");

        var result = await world.RunAsync(["check", "--drift"]);

        Expect.Ending(Expect.Unstartable, result);
        Assert.Contains("repair it with: alter table roles enable row level security", result.StandardOutput, StringComparison.Ordinal);
    }

    [Theory(Timeout = 1_200_000)]
    [InlineData(16, 17)]
    [InlineData(17, 16)]
    public async Task A_scratch_server_of_another_major_release_is_not_compared_with(int major, int scratch)
    {
        await using var world = await LogtoWorld.CreateAsync(servers, major);
        var other = await servers.GetAsync(scratch);

        var result = await world.RunAsync(["check", "--drift"], ("LOGTO_INIT_SCRATCH_URL", other.Url("postgres")));

        Expect.Ending(16, result);
        Assert.True(result.LastLine.Contains($"{major}", StringComparison.Ordinal) && result.LastLine.Contains($"{scratch}", StringComparison.Ordinal), $"{result}");
    }

    [Fact(Timeout = 1_200_000)]
    public async Task A_user_without_the_rights_for_a_scratch_database_is_told_what_to_grant()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 16);
        await world.Server.ExecuteAsync("postgres", $"alter role {PostgresDatabases.Quote(world.Owner)} nocreatedb nocreaterole", Token);

        var result = await world.RunAsync(["check", "--drift"]);

        Expect.Ending(16, result);
        Expect.LogContains($"alter role \"{world.Owner}\" createdb createrole", result);
    }

    private static async Task<JsonArray> DriftAsync(LogtoWorld world) =>
        JsonNode.Parse((await world.RunAsync(["check", "--drift", "--output", "json"])).StandardOutput)!["drift"]!["differences"]!.AsArray();

    /// <summary>Runs all SQL of the report, in its order.</summary>
    private static async Task RepairAsync(LogtoWorld world, JsonArray differences)
    {
        foreach (var sql in differences.Select(difference => (string?)difference!["sql"]).OfType<string>())
        {
            foreach (var statement in sql.StartsWith("CREATE OR REPLACE", StringComparison.Ordinal) ? [sql] : sql.Split("; "))
            {
                await world.Server.ExecuteAsync(world.Database, statement, Token);
            }
        }
    }
}
