using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// Logto logs in as roles of its own, one for each tenant, and answers nothing but errors where it cannot. The command that a message
/// names is run, by an ordinary owner, and after it each role does what Logto does as it.
/// </summary>
public sealed class TenantRoleSpecs(SharedServers servers)
{
    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task A_database_restored_without_Logtos_roles_is_refused_until_repair_has_made_them(int major)
    {
        await using var world = await TenantWorld.SeedAsync(servers, major, LogtoRelease.Newest, LogtoRelease.Newest);
        await world.ForgetRolesAsync();

        foreach (var command in new[] { "check", "migrate" })
        {
            var refused = await world.RunAsync(command);

            Expect.Ending(Expect.Unstartable, refused);
            Assert.Contains(
                $"the role '{world.Role("admin")}' of the tenant 'admin' is missing; the role '{world.Role("default")}' of the tenant 'default' is missing.",
                FakeWorld.LastLine(refused), StringComparison.Ordinal);
            Assert.Contains("run `logto-migrate-init repair`", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        }

        Expect.Ending(Expect.Success, await world.RunAsync("repair", "--yes"));

        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
        await world.AssertTenantsCanWorkAsync();
    }

    [Fact(Timeout = 600_000)]
    public async Task Where_nothing_can_be_written_missing_roles_are_found_all_the_same()
    {
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync("postgres", $"alter database {world.Database} set default_transaction_read_only = on", FakeWorld.Token);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        await world.Server.ExecuteAsync("postgres", $"drop role {world.Role("admin")}", FakeWorld.Token);

        Expect.Ending(Expect.Unstartable, await world.RunAsync("check"));
        Expect.Ending(Expect.Unstartable, await world.RunAsync("migrate"));
    }

    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task Alterations_are_not_begun_where_the_roles_are_missing(int major)
    {
        await using var world = await TenantWorld.SeedAsync(servers, major, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        await world.ForgetRolesAsync();

        var refused = await world.RunAsync("migrate");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains("10 alterations are pending and nothing was begun", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        Assert.Equal(new LogtoRelease("1.42.0").LastTimestamp, await world.StateAsync());
        await world.RepairAsync(refused, Expect.Pending);
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
        await world.AssertTenantsCanWorkAsync();
    }

    [Theory(Timeout = 900_000)]
    [InlineData(14, "clone")]
    [InlineData(18, "Clone-of")]
    public async Task A_clone_under_another_name_is_refused_until_repair_has_made_its_role(int major, string prefix)
    {
        await using var original = await TenantWorld.SeedAsync(servers, major, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        await using var clone = await original.CloneAsync(prefix);

        var refused = await clone.RunAsync("migrate");
        Expect.Ending(14, refused);
        Assert.Contains($"the role 'logto_tenant_{clone.Database.Replace('-', '_')}' is missing", FakeWorld.LastLine(refused), StringComparison.Ordinal);

        await clone.RepairAsync(refused, Expect.Pending);
        Expect.Ending(Expect.Success, await clone.RunAsync("migrate"));
        Expect.Ending(Expect.Success, await clone.RunAsync("check", "--deep"));
        await clone.AssertTenantsCanWorkAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task A_clone_whose_role_has_no_members_is_refused_because_new_tables_would_be_closed()
    {
        await using var original = await TenantWorld.SeedAsync(servers, 17, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        await using var clone = await original.CloneAsync();
        await clone.Server.ExecuteAsync("postgres", $"create role \"logto_tenant_{clone.Database}\" noinherit", FakeWorld.Token);

        var refused = await clone.RunAsync("migrate");

        Expect.Ending(14, refused);
        Assert.Contains($"are no members of it ({original.Role("admin")}, {original.Role("default")})", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await clone.RepairAsync(refused, Expect.Pending, asSuperuser: true);
        Expect.Ending(Expect.Success, await clone.RunAsync("migrate"));
        await clone.AssertTenantsCanWorkAsync();
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task Tables_that_are_closed_to_a_role_are_found_without_logging_in()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, LogtoRelease.Newest, LogtoRelease.Newest);
        await world.Server.ExecuteAsync(
            world.Database, $"revoke insert on domains, secrets from logto_tenant_{world.Database}; create table own (id int); alter table own enable row level security", FakeWorld.Token);

        var refused = await world.RunAsync("check");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains($"the role '{world.Role("default")}' of the tenant 'default' may not read and write 2 of Logto's tables, such as domains", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await world.RepairAsync(refused);
        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
    }

    public static TheoryData<int, string, string> Troubles
    {
        get
        {
            var troubles = new TheoryData<int, string, string>();
            foreach (var major in new[] { 14, 18 })
            {
                troubles.Add(major, "alter role $role nologin", "may not log in");
                troubles.Add(major, "alter role $role connection limit 0", "may not log in");
                troubles.Add(major, "alter role $role valid until '2020-01-01'", "has a password that is no longer valid");
                troubles.Add(major, "revoke connect on database $database from public; grant connect on database $database to $other", "may not connect to this database");
                troubles.Add(major, "revoke usage on schema public from public; grant usage on schema public to $other", "may not use the schema of Logto's tables");
                troubles.Add(major, "revoke $parent from $role", "may not read and write 6 of Logto's tables, such as applications");
            }

            return troubles;
        }
    }

    [Theory(Timeout = 600_000)]
    [MemberData(nameof(Troubles))]
    public async Task A_role_that_cannot_do_what_Logto_does_as_it_is_named_with_its_remedy(int major, string trouble, string reason)
    {
        await using var world = await TenantWorld.CreateAsync(servers, major);
        await world.Server.ExecuteAsync(
            world.Database,
            trouble.Replace("$role", world.Role("admin"), StringComparison.Ordinal).Replace("$other", world.Role("default"), StringComparison.Ordinal)
                .Replace("$parent", $"logto_tenant_{world.Database}", StringComparison.Ordinal).Replace("$database", world.Database, StringComparison.Ordinal),
            FakeWorld.Token);

        var refused = await world.RunAsync("check");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains($"start and fail: the role '{world.Role("admin")}' of the tenant 'admin' {reason}", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await world.RepairAsync(refused, 16);
        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
    }

    [Fact(Timeout = 600_000)]
    public async Task Another_password_than_the_tables_is_found_by_logging_in_and_mended_without_showing_either()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, LogtoRelease.Newest, LogtoRelease.Newest);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Role("default")} password 'an0ther'", FakeWorld.Token);

        Expect.Ending(Expect.Success, await world.RunAsync("check"));
        var refused = await world.RunAsync("check", "--deep");

        Expect.Ending(Expect.Unstartable, refused);
        Expect.LogContains("Logged in as 1 of 2 of Logto's own roles (2 in all)", refused);
        Assert.Contains($"as '{world.Role("default")}': password authentication failed", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await world.RepairAsync(refused);
        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
        await world.AssertTenantsCanWorkAsync();
    }

    [Fact(Timeout = 600_000)]
    [Trait("Run", "quick")]
    public async Task After_a_deploy_the_gate_logs_in_as_Logtos_roles()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await world.Server.ExecuteAsync("postgres", $"alter role {world.Role("default")} password 'an0ther'", FakeWorld.Token);

        var refused = await world.RunAsync("migrate");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains($"as '{world.Role("default")}': password authentication failed", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await world.StateAsync());
    }

    [Fact(Timeout = 600_000)]
    public async Task The_SQL_shows_no_password_where_it_fails_either()
    {
        const string Secret = "un1que-s3cret";
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        var member = $"member_{world.Database}";
        await world.Server.CreateUserAsync(member, "pw", "in role postgres", FakeWorld.Token);
        await world.Server.ExecuteAsync(world.Database, $"drop role {world.Role("admin")}; update tenants set db_user_password = '{Secret}'", FakeWorld.Token);
        var url = world.Server.Url(world.Database, member, "pw");

        var refused = await world.RunAsync("repair", ("DB_URL", url), "--yes");

        Expect.Ending(Expect.Unstartable, refused);
        Expect.LogContains("permission denied", refused);
        var statements = Regex.Matches(refused.StandardOutput, @"do \$\$ .*? end \$\$").Select(match => match.Value).Distinct().ToArray();
        Assert.Equal(2, statements.Length);
        foreach (var statement in statements)
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = world.Server.Port, Username = member, Password = "pw", Database = world.Database, Pooling = false }.ConnectionString);
            await connection.OpenAsync(FakeWorld.Token);
            await using var command = new NpgsqlCommand(statement, connection);
            var failure = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(FakeWorld.Token));

            Assert.Contains("has kept its password", failure.MessageText, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, $"{failure} {failure.Where} {failure.InternalQuery}", StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Secret, await File.ReadAllTextAsync(world.Server.LogFile, FakeWorld.Token), StringComparison.Ordinal);
    }

    [Fact(Timeout = 600_000)]
    public async Task Of_many_tenants_five_are_tried_and_named_the_installations_own_two_first()
    {
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync(
            world.Database,
            $"""
            do $$ begin for number in 1 .. 20 loop
            execute format('create role %I login password ''pw'' in role logto_tenant_{world.Database}', 'logto_tenant_{world.Database}_' || number);
            insert into tenants values ('a' || number, 'logto_tenant_{world.Database}_' || number, 'pw'); end loop; end $$
            """,
            FakeWorld.Token);

        var result = await world.RunAsync("check", "--deep");

        Expect.Ending(Expect.Success, result);
        Expect.LogContains($"Logged in as 5 of 5 of Logto's own roles (22 in all): {world.Role("admin")}, {world.Role("default")}, {world.Role("1")}, {world.Role("10")}, {world.Role("11")}", result);
        await world.Server.ExecuteAsync(world.Database, $"do $$ begin for number in 1 .. 20 loop execute format('alter role %I nologin', 'logto_tenant_{world.Database}_' || number); end loop; end $$", FakeWorld.Token);
        var others = await world.RunAsync("check");
        Expect.Ending(Expect.Success, others);
        Expect.LogContains("WRN 20 of 20 other tenants have no password, or no role that may log in", others);
    }

    [Fact(Timeout = 600_000)]
    public async Task Tenants_that_name_no_role_are_told()
    {
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        await world.Server.ExecuteAsync(world.Database, "update tenants set db_user = null", FakeWorld.Token);

        var refused = await world.RunAsync("check");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains("names no role that Logto could log in as", FakeWorld.LastLine(refused), StringComparison.Ordinal);
    }

    [Theory(Timeout = 600_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task Who_does_not_own_the_table_is_refused_and_does_not_take_it_for_empty(int major)
    {
        await using var world = await TenantWorld.CreateAsync(servers, major);
        var reader = $"reader_{world.Database}";
        await world.Server.CreateUserAsync(reader, "pw", cancellationToken: FakeWorld.Token);
        await world.Server.ExecuteAsync(world.Database, $"grant select on systems to {reader}", FakeWorld.Token);

        var closed = await world.RunAsync("check", ("DB_URL", world.Server.Url(world.Database, reader, "pw")));
        await world.Server.ExecuteAsync(world.Database, $"grant select on tenants to {reader}", FakeWorld.Token);
        var filtered = await world.RunAsync("check", ("DB_URL", world.Server.Url(world.Database, reader, "pw")));

        foreach (var result in new[] { closed, filtered })
        {
            Expect.Ending(Expect.Refused, result);
            Assert.Contains($"User '{reader}' may not read in Logto's table 'tenants'", FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.Contains("row-level security policy for table \"tenants\"", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = 600_000)]
    public async Task Behind_a_pooler_that_does_not_know_the_roles_Logto_would_fail()
    {
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        await using var pooler = await PgBouncer.StartAsync(
            world.Server, "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout", FakeWorld.Token, settings: "");

        var result = await world.RunAsync("check", ("DB_URL", pooler.Url(world.Database)), "--deep");

        Expect.Ending(Expect.Unstartable, result);
        Assert.Contains("make the pooler know these roles and their passwords (PgBouncer: auth_query", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }
}
