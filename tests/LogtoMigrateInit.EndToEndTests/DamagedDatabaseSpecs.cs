using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What the CLI would misread as "nothing applied yet" is refused, and not one byte of it is changed.</summary>
public sealed class DamagedDatabaseSpecs(SharedServers servers)
{
    /// <summary>The verdict is the same with alterations pending and with nothing pending.</summary>
    [Theory(Timeout = 60_000)]
    [InlineData("delete from systems", "no readable row 'alterationState'")]
    [InlineData("""update systems set value = '{"timestamp": "1779421396"}'""", "not a number")]
    [InlineData("""update systems set value = '{"timestamp": -5}'""", "not above zero")]
    [InlineData("""update systems set value = '{"timestamp": 0}'""", "not above zero")]
    [InlineData("""update systems set value = '{"timestamp": 1751529530394}'""", "more than 10 digits")]
    [InlineData("""update systems set value = '{"timestamp": 1674987041}'""", "older than 1674987042")]
    [InlineData("""update systems set value = '[1779421396]'""", "not a JSON object")]
    [InlineData("""update systems set value = 'null'""", "not a JSON object")]
    [InlineData("""update systems set value = '{"timestamp": 1779421396, "updatedAt": 7}'""", "updatedAt")]
    [InlineData("create table _logto_configs (key text primary key, value jsonb)", "both 'systems' and '_logto_configs'")]
    [InlineData("alter table systems rename to _logto_configs", "before Logto 1.0")]
    [InlineData("alter table systems rename to _logto_configs; drop table users, applications", "deploy on an empty database")]
    [InlineData("drop table systems", "no table 'systems'")]
    [InlineData("drop table systems, applications, tenants, logto_configs", "none of them is Logto's (table resources, table roles, table sign_in_experiences, table users)")]
    [InlineData("alter table systems rename column value to other", "no readable row")]
    [InlineData("alter table systems drop constraint systems_pkey", "lost its primary key")]
    [InlineData("alter table systems drop constraint systems_pkey; insert into systems select * from systems", "lost its primary key")]
    [InlineData("alter table systems rename to states; create view systems as select * from states", "'systems' is a view")]
    [InlineData("drop table systems; create index systems on users (id)", "'systems' is an index")]
    [InlineData("drop table systems; create type systems as (key text, value jsonb)", "'systems' is a type")]
    [InlineData("drop table systems; create table systems (key int)", "lost its primary key")]
    [InlineData("drop table tenants", "'tenants' is missing")]
    [InlineData("drop table roles, resources", "'roles', 'resources' are missing")]
    [InlineData("alter table roles rename to parts; create view roles as select * from parts", "'roles' is missing")]
    [InlineData("create schema other; alter table roles set schema other; alter database current set search_path = public, other", "'roles' is missing")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, tenants, users", "a table called 'systems' and none of Logto's other tables")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, systems, tenants, users; create view systems as select 'alterationState' as key, '{\"timestamp\": 1786431364}' as value", "a view called 'systems'")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, systems, tenants, users; create view orders as select 1", "(view orders)")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, systems, tenants, users; create foreign data wrapper w; create server s foreign data wrapper w; create foreign table orders (id int) server s", "(foreign table orders)")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, systems, tenants, users; create sequence counter", "(sequence counter)")]
    public async Task A_database_that_the_CLI_would_misread_is_refused_untouched(string damage, string reason)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, damage.Replace("database current", $"database {world.Database}", StringComparison.Ordinal), FakeWorld.Token);
        var before = await ContentAsync(world);

        foreach (var seed in new[] { "false", "true", "create" })
        {
            var result = await world.RunAsync("deploy", ("LOGTO_INIT_SEED", seed));

            Assert.Equal(10, result.ExitCode);
            Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.Contains("Nothing was touched", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.Equal(10, (await world.CheckAsync()).ExitCode);
        await using var upToDate = await FakeCli.CreateAsync(FakeWorld.Alterations[..1], cancellationToken: FakeWorld.Token);
        Assert.Equal(10, (await world.CheckAsync(("LOGTO_INIT_LOGTO_DIR", upToDate.Directory))).ExitCode);
        Assert.Equal(before, await ContentAsync(world));
        Assert.Empty(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    /// <summary>Every row of every table, and every object with its file on the disk.</summary>
    private static Task<string> ContentAsync(FakeWorld world) => world.Server.QuerySingleAsync<string>(
        world.Database,
        """
        select coalesce((select string_agg(query_to_xml(format('select * from %I', tablename), true, true, '')::text, '' order by tablename) from pg_tables where schemaname = 'public'), '')
          || (select string_agg(c.oid || ' ' || c.relname || ' ' || c.relfilenode, ',' order by c.oid) from pg_class c where c.oid >= 16384)
        """,
        FakeWorld.Token);
}
