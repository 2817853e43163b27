using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

public sealed class InspectionSpecs(TestServer server)
{
    private const string Systems = """create table systems (key text primary key, value jsonb not null default '{}'); insert into systems values ('alterationState', '{"timestamp": 1786431364}')""";

    [Fact(Timeout = 150_000)]
    public async Task An_empty_database_shows_no_state()
    {
        var inspection = await InspectAsync(await server.CreateDatabaseAsync());

        Assert.Equal((0L, "public", true), (inspection.ObjectCount, inspection.Schema, inspection.Start is null));
        Assert.Empty(inspection.Relations);
        Assert.Empty(inspection.States);
    }

    [Fact(Timeout = 150_000)]
    public async Task The_state_is_found_in_the_schema_of_the_roles_search_path()
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(name, $"create schema own; set search_path = own; {Systems}; create role r_{name} login password 'pw'; grant usage on schema own to r_{name}; grant select on systems to r_{name}; alter role r_{name} set search_path = own");
        await using var database = server.Connect(name, ("DB_URL", server.Server.Url(name, $"r_{name}", "pw")));

        var inspection = await database.WithConnectionAsync((connection, token) => InspectionQuery.ReadAsync(connection, [], token), TestContext.Current.CancellationToken);

        Assert.Equal(("own", "systems", true), (inspection.Schema, Assert.Single(inspection.Relations).Name, inspection.SystemsHasKey));
        Assert.Equal(["""{"timestamp": 1786431364}"""], inspection.States);
    }

    [Fact(Timeout = 150_000)]
    public async Task Tables_without_row_security_are_those_that_core_counts()
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(name, $"{Systems}; create table service_logs (id int); create table safe (id int); alter table safe enable row level security; create table b (id int); create table a (id int) partition by list (id); create view v as select 1");

        Assert.Equal(["a", "b"], (await InspectAsync(name)).TablesWithoutRowSecurity);
    }

    [Fact(Timeout = 150_000)]
    public async Task An_invalid_index_is_seen()
    {
        var name = await server.CreateDatabaseAsync();
        await LeaveInvalidIndexAsync(name);

        Assert.Equal(["t__id"], (await InspectAsync(name)).InvalidIndexes);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_read_only_default_of_the_database_is_seen()
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync("postgres", $"alter database {name} set default_transaction_read_only = on");

        Assert.Equal((true, false), ((await InspectAsync(name)).ReadOnly, (await InspectAsync(name)).InRecovery));
    }

    [Fact(Timeout = 150_000)]
    public async Task A_state_that_we_may_not_read_is_a_refusal()
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(name, $"{Systems}; create role n_{name} login password 'pw'");
        await using var database = server.Connect(name, ("DB_URL", server.Server.Url(name, $"n_{name}", "pw")));

        var refusal = await Assert.ThrowsAsync<DatabaseException>(() => database.WithConnectionAsync((connection, token) => InspectionQuery.ReadAsync(connection, [], token), TestContext.Current.CancellationToken));

        Assert.Equal(DatabaseFailure.Never, refusal.Failure);
        Assert.Contains("permission denied for table systems", refusal.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_left_over_index_is_found_and_dropped()
    {
        var name = await server.CreateDatabaseAsync();
        await LeaveInvalidIndexAsync(name);
        await using var database = server.Connect(name);
        var script = new ConcurrentIndex("t__id", "t", IfNotExists: true);

        var found = await database.WithConnectionAsync(
            (connection, token) => ConcurrentIndexQuery.FindAsync(connection, [script, script with { Name = "not_there" }], token), TestContext.Current.CancellationToken);
        var leftOver = Assert.Single(found);
        Assert.Equal(("t", false, false, true), (leftOver.Table, leftOver.IsValid, leftOver.IsBeingBuilt, leftOver.IsInTheWay));

        await database.WithConnectionAsync(
            async (connection, token) =>
            {
                await using var drop = new NpgsqlCommand(leftOver.Removal, connection);
                await drop.ExecuteNonQueryAsync(token);
                return true;
            },
            TestContext.Current.CancellationToken);
        Assert.Equal(0L, await server.QueryAsync<long>(name, "select count(*) from pg_class where relname = 't__id'"));
    }

    /// <summary>A unique build over equal values fails and leaves the index behind, as an interrupted one does.</summary>
    private async Task LeaveInvalidIndexAsync(string database)
    {
        await server.ExecuteAsync(database, "create table t (id int); insert into t values (1), (1)");
        await Assert.ThrowsAnyAsync<Npgsql.PostgresException>(() => server.ExecuteAsync(database, "create unique index concurrently t__id on t (id)"));
    }

    private async Task<Inspection> InspectAsync(string name)
    {
        await using var database = server.Connect(name);
        return await database.WithConnectionAsync((connection, token) => InspectionQuery.ReadAsync(connection, [], token), TestContext.Current.CancellationToken);
    }
}
