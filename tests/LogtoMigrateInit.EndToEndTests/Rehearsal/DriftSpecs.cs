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
                $"added grant systems to {tenants}",
                $"different grant users to {tenants}: grant select on table users to {tenants}",
                $"different grant tenants.id to {tenants}: revoke update (id) on table tenants from {tenants}",
                "different function set_updated_at()",
            }.Order(StringComparer.Ordinal),
            differences.Select(difference => $"{difference!["what"]} {difference["kind"]} {difference["name"]}{((string)difference["kind"]! is "policy" or "function" ? "" : difference["sql"] is { } sql ? $": {sql}" : "")}").Order(StringComparer.Ordinal));
        Assert.Equal(["function own_function()", "table own_table"], drift["notLogtos"]!.AsArray().Select(name => (string)name!));

        // What is said to mend it does: afterwards only what no statement is certain to mend is left.
        foreach (var sql in differences.Select(difference => (string?)difference!["sql"]).OfType<string>())
        {
            await ExecuteAsync(world, sql);
        }

        var again = JsonNode.Parse((await world.RunAsync(["check", "--drift", "--output", "json"])).StandardOutput)!["drift"]!["differences"]!.AsArray();
        Assert.All(again, difference => Assert.Null((string?)difference!["sql"]));
        await world.LeavesNothingAsync();
    }

    [Fact(Timeout = 1_200_000)]
    public async Task Row_level_security_that_is_off_stays_exit_code_7_and_what_differs_is_told_too()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.ExecuteAsync("alter table roles disable row level security");

        var result = await world.RunAsync(["check", "--drift"]);

        Expect.Ending(Expect.Unstartable, result);
        Assert.Contains("mend it with: alter table roles enable row level security", result.StandardOutput, StringComparison.Ordinal);
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

    private static async Task ExecuteAsync(LogtoWorld world, string sql)
    {
        foreach (var statement in sql.StartsWith("CREATE OR REPLACE", StringComparison.Ordinal) ? [sql] : sql.Split("; "))
        {
            await world.Server.ExecuteAsync(world.Database, statement, Token);
        }
    }
}
