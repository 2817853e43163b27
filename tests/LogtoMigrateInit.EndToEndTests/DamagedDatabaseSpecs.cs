using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What the CLI would misread as "nothing applied yet" is refused, and not one byte of it is changed.</summary>
public sealed class DamagedDatabaseSpecs(SharedServers servers)
{
    /// <summary>One of each kind: the state, the table that holds it, Logto's other tables, and a database of somebody else. MigrationPlanSpecs has all of them.</summary>
    [Theory(Timeout = 600_000)]
    [InlineData("""update systems set value = '{"timestamp": 1751529530394}'""", "more than 10 digits", Traits = ["Run", "quick"])]
    [InlineData("alter table systems rename to states; create view systems as select * from states", "'systems' is a view")]
    [InlineData("drop table roles, resources", "'roles', 'resources' are missing")]
    [InlineData("drop table applications, logto_configs, resources, roles, sign_in_experiences, systems, tenants, users; create sequence counter", "(sequence counter)")]
    public async Task A_database_that_the_CLI_would_misread_is_refused_untouched(string damage, string reason)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync(world.Database, damage.Replace("database current", $"database {world.Database}", StringComparison.Ordinal), FakeWorld.Token);
        var before = await ContentAsync(world);

        var result = await world.RunAsync("deploy", ("LOGTO_INIT_SEED", "create"));
        Assert.Equal(10, result.ExitCode);
        Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("Next: let DB_URL name Logto's database", FakeWorld.LastLine(result), StringComparison.Ordinal);

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
