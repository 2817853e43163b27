using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// Every condition of docs/reliability.md, on databases that the real CLI has seeded: exit code 7 for each state in which the real core 1.43.0
/// answers 404 or 500, and exit code 0 for what lies beside it and is harmless.
/// </summary>
public sealed class StartConditionSpecs(SharedServers servers)
{
    private const string ThirdKey =
        "update logto_configs set value = (select jsonb_agg(element - 'status') from jsonb_array_elements(value || jsonb_build_array(value->0, value->0)) element) where key = 'oidc.privateKeys' and tenant_id = 'default'";

    /// <summary>What is broken, how it is undone, and what the last line says of it.</summary>
    private static readonly (string Break, string Undo, string Says)[] Broken =
    [
        ("update tenants set id = 'gone' where id = 'default'", "update tenants set id = 'default' where id = 'gone'", "the table 'tenants' has no row 'default'"),
        ("update tenants set id = 'gone' where id = 'admin'", "update tenants set id = 'admin' where id = 'gone'", "the table 'tenants' has no row 'admin'"),
        ("update logto_configs set key = 'gone' where key = 'oidc.privateKeys' and tenant_id = 'default'", "update logto_configs set key = 'oidc.privateKeys' where key = 'gone'", "'oidc.privateKeys' of the tenant 'default' in the table 'logto_configs' is missing"),
        ("update logto_configs set key = 'gone' where key = 'oidc.cookieKeys' and tenant_id = 'admin'", "update logto_configs set key = 'oidc.cookieKeys' where key = 'gone'", "'oidc.cookieKeys' of the tenant 'admin' in the table 'logto_configs' is missing"),
        ("create table kept as select * from logto_configs; alter table kept enable row level security; update logto_configs set value = '[]' where key = 'oidc.privateKeys'", "update logto_configs c set value = k.value from kept k where (k.tenant_id, k.key) = (c.tenant_id, c.key); drop table kept", "'oidc.privateKeys' of the tenant 'default' in the table 'logto_configs' holds no key"),
        ($"create table kept as select * from logto_configs; alter table kept enable row level security; {ThirdKey}", "update logto_configs c set value = k.value from kept k where (k.tenant_id, k.key) = (c.tenant_id, c.key); drop table kept", "holds 3 keys (1 Current, 0 Next, 2 Previous)"),
        ("create table kept as select * from tenants; alter table kept enable row level security; update tenants set db_user_password = null where id = 'default'", "update tenants t set db_user_password = k.db_user_password from kept k where k.id = t.id; drop table kept", "has no password in the table tenants"),
        ("create table kept as select * from tenants; alter table kept enable row level security; update tenants set db_user = null where id = 'admin'", "update tenants t set db_user = k.db_user from kept k where k.id = t.id; drop table kept", "the tenant 'admin' names no role"),
        ("alter role $role superuser", "alter role $role nosuperuser", "is not held by row-level security"),
        ("alter role $role bypassrls", "alter role $role nobypassrls", "is not held by row-level security"),
        ("alter table applications owner to $role", "alter table applications owner to $owner", "is not held by row-level security"),
        ("alter role $role set row_security = off", "alter role $role reset row_security", "has a setting with which Logto fails: row_security"),
        ("alter database $database set row_security = off", "alter database $database reset row_security", "has a setting with which Logto fails: row_security"),
        ("alter role $role in database $database set default_transaction_read_only = 'yes'", "alter role $role in database $database reset default_transaction_read_only", "has a setting with which Logto fails: default_transaction_read_only"),
        ("revoke insert on users from $parent", "grant insert on users to $parent", "may not read and write 1 of Logto's tables, such as users"),
        ("revoke select on logto_configs from $parent", "grant select on logto_configs to $parent", "may not read and write 1 of Logto's tables, such as logto_configs"),
        ("revoke select (db_user) on tenants from $parent", "grant select (db_user) on tenants to $parent", "may not read its own row of the table tenants"),
        ("alter policy logto_configs_modification on logto_configs to $parent", "alter policy logto_configs_modification on logto_configs to public", "'logto_configs' has no permissive policy for all"),
        ("alter policy users_tenant_id on users to $parent", "alter policy users_tenant_id on users to public", "'users' has no restrictive policy for all"),
        ("alter table users disable trigger set_tenant_id", "alter table users enable trigger set_tenant_id", "'users' has no enabled trigger set_tenant_id"),
        ("alter table logs enable replica trigger set_tenant_id", "alter table logs enable trigger set_tenant_id", "'logs' has no enabled trigger set_tenant_id"),
    ];

    /// <summary>What looks similar and is harmless, and a warning that belongs to it.</summary>
    private static readonly (string Change, string Undo, string? Warning)[] Harmless =
    [
        ("create policy more on users using (true)", "drop policy more on users", null),
        ("alter policy users_tenant_id on users rename to renamed", "alter policy renamed on users rename to users_tenant_id", null),
        ("alter table users enable always trigger set_tenant_id", "alter table users enable trigger set_tenant_id", null),
        ("create table crm (id int); alter table crm enable row level security; create policy crm_tenant_id on crm using (true)", "drop table crm", null),
        ("grant select, insert, update, delete on users to $role; revoke all on users from $parent; grant select, insert, update, delete on users to $other", "grant select, insert, update, delete on users to $parent; revoke all on users from $role, $other", null),
        ("alter role $role set row_security = on", "alter role $role reset row_security", null),
        ("alter role $role set default_transaction_read_only = off; alter database $database set row_security = off; alter role $other set row_security = 'true'; alter role $role set row_security = 't'; alter role $owner set row_security = on", "alter role $role reset all; alter role $other reset all; alter role $owner reset all; alter database $database reset row_security", null),
        ("alter role $role set statement_timeout = '200ms'", "alter role $role reset statement_timeout", "has a statement_timeout of 200 ms"),
        ("alter role $role set statement_timeout = 90000", "alter role $role reset statement_timeout", null),
        ("alter role $role connection limit 4", "alter role $role connection limit -1", "may have 4 connections"),
        ("insert into tenants (id, db_user) values ('third', 'nobody')", "delete from tenants where id = 'third'", "1 of 1 other tenants have no password"),
        ("update logto_configs set value = value || jsonb_build_array(jsonb_build_object('id', 'p', 'value', 'v', 'createdAt', 1, 'status', 'Previous')) where key = 'oidc.privateKeys'", "update logto_configs set value = value - 1 where key = 'oidc.privateKeys'", null),
    ];

    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(17, Traits = ["Run", "quick"])]
    public async Task Each_state_in_which_Logto_would_fail_is_refused_with_its_cause(int major)
    {
        await using var world = await TenantWorld.SeedAsync(servers, major, LogtoRelease.Newest, LogtoRelease.Newest);
        foreach (var (breaking, undo, says) in Broken)
        {
            await world.AlterAsync(breaking);
            var refused = await world.RunAsync("migrate");
            await world.AlterAsync(undo);
            Assert.Equal((breaking, Expect.Unstartable), (breaking, refused.ExitCode));
            Assert.Contains(says, FakeWorld.LastLine(refused), StringComparison.Ordinal);
        }

        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
    }

    [Theory(Timeout = 900_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task What_does_not_keep_Logto_from_answering_is_not_refused(int major)
    {
        await using var world = await TenantWorld.SeedAsync(servers, major, LogtoRelease.Newest, LogtoRelease.Newest);
        foreach (var (change, undo, warning) in Harmless)
        {
            await world.AlterAsync(change);
            var result = await world.RunAsync("check");
            await world.AlterAsync(undo);
            Assert.Equal((change, Expect.Success), (change, result.ExitCode));
            Assert.Equal((change, warning is not null), (change, result.StandardError.Contains(" WRN ", StringComparison.Ordinal)));
            Assert.Contains(warning ?? "", result.StandardError, StringComparison.Ordinal);
        }
    }

    /// <summary>Healthy databases of every age, as the ordinary owner, and as a copy under another name whose roles keep theirs.</summary>
    [Theory(Timeout = 1_200_000)]
    [InlineData(14, "1.37.1", null)]
    [InlineData(16, "1.40.1", null)]
    [InlineData(18, "1.42.0", null)]
    [InlineData(17, "1.43.0", null)]
    [InlineData(15, "1.43.0", "1.30.1")]
    [InlineData(16, "1.43.0", "1.24.0")]
    [InlineData(18, "1.43.0", "1.19.0")]
    [InlineData(14, "1.43.0", "1.13.0")]
    public async Task A_healthy_database_of_any_age_is_not_refused(int major, string seeded, string? rollback)
    {
        var release = new LogtoRelease(seeded);
        await using var world = await TenantWorld.SeedAsync(servers, major, release, LogtoRelease.Newest, rollback);
        await using var copy = await world.CloneAsync();
        var isCurrent = seeded == LogtoRelease.Newest.Version && rollback is null;

        Expect.Ending(isCurrent ? Expect.Success : Expect.Pending, await world.RunAsync("check"));
        Expect.Ending(isCurrent ? Expect.Success : Expect.Pending, await copy.RunAsync("check"));
        await using var old = await LogtoRelease.Oldest.CopyAsync(FakeWorld.Token);
        Expect.Ending(rollback is null && seeded == LogtoRelease.Oldest.Version ? Expect.Success : rollback is null ? 8 : Expect.Pending, await world.RunWithAsync(["check"], ("LOGTO_INIT_LOGTO_DIR", old.Directory)));
    }

    [Fact(Timeout = 600_000)]
    public async Task Three_signing_keys_are_refused_before_the_deploy_and_accepted_by_the_old_image()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, new LogtoRelease("1.37.1"), LogtoRelease.Newest);
        await world.AlterAsync(ThirdKey);

        var refused = await world.RunAsync("migrate");

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains("33 alterations are pending and nothing was begun", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        Assert.Equal(new LogtoRelease("1.37.1").LastTimestamp, await world.StateAsync());
        await using var old = await new LogtoRelease("1.37.1").CopyAsync(FakeWorld.Token);
        Expect.Ending(Expect.Success, await world.RunWithAsync(["check"], ("LOGTO_INIT_LOGTO_DIR", old.Directory)));

        await world.AlterAsync("update logto_configs set value = jsonb_path_query_array(value, '$[0 to 1]') where key = 'oidc.privateKeys' and tenant_id = 'default'");
        Expect.Ending(Expect.Success, await world.RunAsync("migrate"));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("ENDPOINT", "https://*.example.com")]
    [InlineData("PATH_BASED_MULTI_TENANCY", "1")]
    public async Task Where_the_address_chooses_the_tenant_default_may_be_missing(string variable, string value)
    {
        await using var world = await TenantWorld.CreateAsync(servers, 17);
        await world.AlterAsync("delete from tenants where id = 'default'");

        var result = await world.RunAsync("check", (variable, value));

        Expect.Ending(Expect.Success, result);
        Expect.LogContains("The table 'tenants' has no row 'default'", result);
    }

    [Theory(Timeout = 600_000)]
    [InlineData("alter role $role set search_path = nowhere", "relation \"applications\" does not exist")]
    [InlineData("alter role $role set statement_timeout = 1", "canceling statement due to statement timeout")]
    public async Task A_setting_of_a_role_that_only_a_login_shows_is_named_and_repaired(string setting, string reason)
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, LogtoRelease.Newest, LogtoRelease.Newest);
        await world.AlterAsync(setting);

        var refused = await world.RunWithAsync(["check", "--deep"], ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "1"));

        Expect.Ending(Expect.Unstartable, refused);
        Assert.Contains(reason, FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await world.RepairAsync(refused);
        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_role_at_its_connection_limit_has_proved_its_password()
    {
        await using var world = await TenantWorld.SeedAsync(servers, 17, LogtoRelease.Newest, LogtoRelease.Newest);
        await world.AlterAsync("alter role $role connection limit 1");
        await using var only = await world.ConnectAsAsync("default");

        Expect.Ending(Expect.Success, await world.RunAsync("check", "--deep"));
    }
}
