using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Inspections;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>What the plan recognises a Logto database by, read on the oldest and the newest server as an ordinary owner.</summary>
[Trait("Needs", "all fixtures")]
public sealed class RecognitionSpecs(SharedServers servers)
{
    private const string Table = "create table systems (key varchar(256) primary key, value jsonb not null); ";
    private const string Row = """insert into systems values ('alterationState', '{}');""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>SQL, what <c>systems</c> is then, whether it has its key, and the states in it.</summary>
    public static TheoryData<int, string, string, bool, int> KindsOfSystems
    {
        get
        {
            var kinds = new TheoryData<int, string, string, bool, int>();
            foreach (var major in new[] { 14, 18 })
            {
                kinds.Add(major, Table + Row, "table", true, 1);
                kinds.Add(major, Table, "table", true, 0);
                kinds.Add(major, "create table systems (key varchar(256), value jsonb); " + Row + Row, "table", false, 2);
                kinds.Add(major, "create table systems (key varchar(256) unique, value jsonb); " + Row, "table", false, 1);
                kinds.Add(major, "create table systems (key varchar(256), value jsonb, other int default 1, primary key (key, other)); " + Row, "table", false, 1);
                kinds.Add(major, "create table systems (value jsonb, key varchar(256) primary key)", "table", true, 0);
                kinds.Add(major, "create table systems (key int)", "table", false, 0);
                kinds.Add(major, "create table systems (key int primary key, value jsonb)", "table", true, 0);
                kinds.Add(major, "create table systems (key varchar(256) primary key, value jsonb) partition by list (key)", "partitioned table", true, 0);
                kinds.Add(major, "create view systems as select 'alterationState' as key, 1 / (select 0) as value", "view", false, 0);
                kinds.Add(major, "create materialized view systems as select 'alterationState' as key, 1 as value", "materialized view", false, 0);
                kinds.Add(major, "create table other (id int); create index systems on other (id)", "index", false, 0);
                kinds.Add(major, "create type systems as (key text, value jsonb)", "type", false, 0);
                kinds.Add(major, "create sequence systems", "sequence", false, 0);
            }

            return kinds;
        }
    }

    [Theory(Timeout = 300_000)]
    [MemberData(nameof(KindsOfSystems))]
    public async Task The_kind_the_key_and_the_rows_of_systems_are_seen(int major, string sql, string kind, bool hasKey, int states)
    {
        var inspection = await InspectAsync(major, sql);

        Assert.Equal((kind, hasKey, states), (Assert.Single(inspection.Relations).Kind, inspection.SystemsHasKey, inspection.States.Count));
        Assert.Null(inspection.Start);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("create table t (id int)", 1, "table t")]
    [InlineData("create view v as select 1", 1, "view v")]
    [InlineData("create materialized view v as select 1", 1, "materialized view v")]
    [InlineData("create sequence s", 1, "sequence s")]
    [InlineData("create type mood as enum ('good')", 1, "type mood")]
    [InlineData("create type pair as (a int, b int)", 1, "type pair")]
    [InlineData("create domain age as int", 1, "type age")]
    [InlineData("create schema other; create table other.t (id int)", 0, "")]
    [InlineData("create table a (id serial); create view b as select 1; create table c (); create table d (); create table e ()", 6, "sequence a_id_seq, table a, table c, table d, table e")]
    public async Task What_is_in_the_schema_is_counted_and_the_first_five_are_named(string sql, long count, string objects)
    {
        foreach (var major in new[] { 14, 18 })
        {
            var inspection = await InspectAsync(major, sql);

            Assert.Equal((count, objects), (inspection.ObjectCount, inspection.Objects));
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task A_foreign_table_is_something_and_what_an_extension_owns_is_not()
    {
        var server = await servers.GetAsync(18);
        var name = await server.CreateDatabaseAsync(cancellationToken: Token);
        await server.ExecuteAsync(
            name,
            """
            create foreign data wrapper nothing; create server elsewhere foreign data wrapper nothing; create foreign table f (id int) server elsewhere;
            create table owned (id int); create type owned_type as enum ('x'); alter extension plpgsql add table owned; alter extension plpgsql add type owned_type;
            """,
            Token);

        await using var database = TestServer.Connect(server.Url(name));
        var inspection = await database.WithConnectionAsync((connection, token) => InspectionQuery.ReadAsync(connection, [], token), Token);

        Assert.Equal((1L, "foreign table f"), (inspection.ObjectCount, inspection.Objects));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_name_means_what_the_search_path_finds_first()
    {
        var inspection = await InspectAsync(18, $"create schema own; set search_path = own; {Table} set search_path = public; {Table} {Row} create table public.users (); alter database current set search_path = own, public");

        Assert.Equal(2, inspection.Relations.Count);
        Assert.NotEqual(inspection.Relations[0].Schema, inspection.Relations[1].Schema);
        Assert.Empty(inspection.States);
    }

    private async Task<Inspection> InspectAsync(int major, string sql)
    {
        var server = await servers.GetAsync(major);
        var owner = PostgresDatabases.UniqueName("owner");
        await server.CreateUserAsync(owner, "pw", cancellationToken: Token);
        var name = await server.CreateDatabaseAsync(owner: owner, cancellationToken: Token);
        await server.ExecuteAsync(name, $"grant all on schema public to {owner}; set role {owner}; {sql.Replace("database current ", $"database {name} ", StringComparison.Ordinal)}", Token);
        await using var database = TestServer.Connect(server.Url(name, owner, "pw"));
        return await database.WithConnectionAsync((connection, token) => InspectionQuery.ReadAsync(connection, [], token), Token);
    }
}
