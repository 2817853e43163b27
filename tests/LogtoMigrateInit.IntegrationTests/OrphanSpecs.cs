using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>Which sessions count as the work of a killed run.</summary>
public sealed class OrphanSpecs(TestServer server)
{
    [Theory(Timeout = 30_000)]
    [InlineData("lock table t in share update exclusive mode", CliEnvironment.ApplicationNamePrefix + "1", 1)]
    [InlineData("lock table t in access exclusive mode", CliEnvironment.ApplicationNamePrefix + "1", 1)]
    [InlineData("lock table t in access exclusive mode", "psql", 0)]
    [InlineData("insert into t values (1)", CliEnvironment.ApplicationNamePrefix + "1", 0)]
    [InlineData("insert into systems values (1)", CliEnvironment.ApplicationNamePrefix + "1", 1)]
    [InlineData("select 1", CliEnvironment.ApplicationNamePrefix + "1", 0)]
    public async Task A_session_is_an_orphan_by_its_name_and_its_locks(string statement, string applicationName, int count)
    {
        var name = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(name, "create table t (id int); create table systems (id int)");
        await using var session = await server.Server.OpenAsync(name, TestContext.Current.CancellationToken);
        await using var work = new NpgsqlCommand($"set application_name = '{applicationName}'; begin; {statement}", session);
        await work.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await using var database = server.Connect(name);

        var orphans = await database.WithConnectionAsync(
            (connection, token) => SessionQueries.FindOrphansAsync(connection, CliEnvironment.ApplicationNamePrefix, token), TestContext.Current.CancellationToken);

        Assert.Equal(count, orphans.Count);
    }

    [Fact(Timeout = 30_000)]
    public async Task Terminating_ends_the_sessions_of_this_run_and_no_others()
    {
        var name = await server.CreateDatabaseAsync();
        await using var ours = await server.Server.OpenAsync(name, TestContext.Current.CancellationToken);
        await using var others = await server.Server.OpenAsync(name, TestContext.Current.CancellationToken);
        await NameAsync(ours, "run-1");
        await NameAsync(others, "run-2");
        await using var database = server.Connect(name);

        Assert.Equal(1, await database.WithConnectionAsync((connection, token) => SessionQueries.TerminateAsync(connection, "run-1", token), TestContext.Current.CancellationToken));

        await server.WaitUntilAsync(name, "not exists (select from pg_stat_activity where application_name = 'run-1')");
        Assert.Equal(1L, await server.QueryAsync<long>(name, "select count(*) from pg_stat_activity where application_name = 'run-2'"));
    }

    private static async Task NameAsync(NpgsqlConnection session, string applicationName)
    {
        await using var command = new NpgsqlCommand($"set application_name = '{applicationName}'", session);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
