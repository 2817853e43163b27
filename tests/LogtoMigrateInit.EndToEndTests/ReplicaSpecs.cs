using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>However many replicas start at once, one of them migrates.</summary>
public sealed class ReplicaSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 900_000)]
    [InlineData(14, 2)]
    [InlineData(18, 10)]
    public async Task One_runs_the_CLI_and_all_pass(int major, int replicas)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, major, LogtoRelease.Oldest, LogtoRelease.Newest);
        using var node = new CountingNode();

        var results = await Task.WhenAll(Enumerable.Range(0, replicas).Select(_ =>
            scenario.RunAsync("migrate", ("LOGTO_INIT_NODE", node.Path))));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.Equal(1, node.Count("db alteration deploy"));
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Fact(Timeout = 900_000)]
    public async Task Two_databases_are_migrated_one_after_the_other_with_one_installation()
    {
        await using var one = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease("1.40.1"), LogtoRelease.Newest);
        await using var other = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease("1.40.1"), LogtoRelease.Newest);

        var results = await Task.WhenAll(
            one.RunAsync("migrate"), other.RunAsync("migrate", ("LOGTO_INIT_LOGTO_DIR", one.Target.Directory)));

        Assert.All(results, result => Expect.Ending(Expect.Success, result));
        Assert.All(results, result => Assert.Contains("22 alterations deployed", result.StandardError, StringComparison.Ordinal));
        Assert.Single(results, result => result.StandardError.Contains("Another process runs Logto's CLI in", StringComparison.Ordinal));
    }

    [Fact(Timeout = 900_000)]
    [Trait("Run", "quick")]
    public async Task The_one_that_waits_names_the_holder()
    {
        var release = LogtoRelease.Newest;
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, new LogtoRelease("1.40.1"), release);
        await using var other = await release.CopyAsync(Token);

        // Nothing but this test's lock on the table ends the first replica's deploy.
        await using var connection = await scenario.Server.OpenAsync(scenario.Database, Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = "lock table systems in share mode";
            await command.ExecuteNonQueryAsync(Token);
        }

        await using var first = Gate.Start(["migrate"], scenario.Variables());
        var holder = await HolderAsync(scenario);
        await using var second = Gate.Start(["migrate"], scenario.Variables(("LOGTO_INIT_LOGTO_DIR", other.Directory)));
        var line = await second.WaitForLineAsync("Another session holds", cancellationToken: Token);
        await transaction.CommitAsync(Token);

        Assert.Contains(holder.ToString(CultureInfo.InvariantCulture), line, StringComparison.Ordinal);
        Assert.Contains("logto-migrate-init", line, StringComparison.Ordinal);
        Expect.Ending(Expect.Success, await first.WaitForExitAsync(cancellationToken: Token));
        Expect.Ending(Expect.Success, await second.WaitForExitAsync(cancellationToken: Token));
    }

    [Fact(Timeout = 900_000)]
    public async Task The_image_of_the_old_release_that_starts_in_the_middle_of_an_upgrade_says_so_and_changes_nothing()
    {
        var old = new LogtoRelease("1.40.1");
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 17, old, LogtoRelease.Newest);
        await using var rolledBack = await old.CopyAsync(Token); // as `helm upgrade --atomic` starts it again
        var before = await scenario.StateAsync();
        await using var connection = await scenario.Server.OpenAsync(scenario.Database, Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = "lock table domains in share mode";
            await command.ExecuteNonQueryAsync(Token);
        }

        await using var upgrade = Gate.Start(["migrate"], scenario.Variables());
        await scenario.Server.WaitUntilAsync(
            scenario.Database, "exists (select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'domains')", Token);
        var halfWay = await scenario.StateAsync();
        var result = await scenario.RunAsync("migrate", ("LOGTO_INIT_LOGTO_DIR", rolledBack.Directory));

        Assert.NotEqual(before, halfWay);
        Expect.Ending(8, result);
        Expect.LogContains("Next: start the newer image", result);
        Assert.Equal(halfWay, await scenario.StateAsync());
        await transaction.CommitAsync(Token);
        Expect.Ending(Expect.Success, await upgrade.WaitForExitAsync(cancellationToken: Token));
    }

    private static async Task<int> HolderAsync(LogtoWorld scenario)
    {
        const string sql = """
            select pid from pg_locks
              where locktype = 'advisory' and granted
                and database = (select oid from pg_database where datname = current_database())
            """;
        await scenario.Server.WaitUntilAsync(scenario.Database, $"exists ({sql})", Token);
        return Assert.Single(await scenario.Server.QueryAsync<int>(scenario.Database, sql, Token));
    }
}
