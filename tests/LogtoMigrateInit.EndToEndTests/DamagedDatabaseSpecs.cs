using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What the CLI would misread as "nothing applied yet" is refused, and not one byte of it is changed.</summary>
public sealed class DamagedDatabaseSpecs(SharedServers servers)
{
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
    [InlineData("drop table systems, applications, tenants", "none of them is Logto's")]
    [InlineData("alter table systems rename column value to other", "no readable row")]
    public async Task A_database_that_the_CLI_would_misread_is_refused_untouched(string damage, string reason)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, damage, FakeWorld.Token);
        var before = await ContentAsync(world);

        foreach (var seed in new[] { "false", "true" })
        {
            var result = await world.RunAsync("deploy", ("LOGTO_INIT_SEED", seed));

            Assert.Equal(10, result.ExitCode);
            Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.Contains("Nothing was touched", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.Equal(10, (await world.CheckAsync()).ExitCode);
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
