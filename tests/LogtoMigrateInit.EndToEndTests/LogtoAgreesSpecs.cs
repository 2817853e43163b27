using System.Text.Json;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The verdict of <c>check</c> is that of Logto's own start-up checks.</summary>
public sealed class LogtoAgreesSpecs(SharedServers servers)
{
    private const string TableWithoutRls = "create table left_by_someone (id int)";

    [Theory(Timeout = 600_000)]
    [InlineData(17, Traits = ["Run", "quick"])]
    [InlineData(18)]
    public async Task Both_accept_a_matching_database(int major)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, major, LogtoRelease.Newest, LogtoRelease.Newest);

        Assert.Equal(Expect.Success, await AgreedVerdictAsync(scenario));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("1.37.1")]
    [InlineData("1.42.0")]
    public async Task Both_see_pending_alterations(string from)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease(from), LogtoRelease.Newest);

        Assert.Equal(Expect.Pending, await AgreedVerdictAsync(scenario));
    }

    [Fact(Timeout = 600_000)]
    public async Task Both_see_what_a_rollback_to_the_release_before_leaves_pending()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, LogtoRelease.Newest);
        await LogtoRelease.Newest.RollbackAsync(scenario.Url, "1.42.0", TestContext.Current.CancellationToken);

        Assert.Equal(Expect.Pending, await AgreedVerdictAsync(scenario));

        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate"));
        Assert.Equal(Expect.Success, await AgreedVerdictAsync(scenario));
    }

    [Fact(Timeout = 600_000)]
    public async Task Both_see_one_pending_alteration_at_a_state_of_one_less()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, LogtoRelease.Newest);
        await scenario.ExecuteAsync(
            $$"""update systems set value = jsonb_set(value, '{timestamp}', '{{LogtoRelease.Newest.LastTimestamp - 1}}') where key = 'alterationState'""");

        Assert.Equal(1, (await scenario.PreconditionsAsync()).Undeployed);
        Assert.Equal(Expect.Pending, await AgreedVerdictAsync(scenario));
    }

    [Theory(Timeout = 600_000)]
    [InlineData("1.43.0", "1.43.0", Expect.Unstartable)]
    [InlineData("1.42.0", "1.43.0", Expect.Unstartable)]
    public async Task Both_see_a_table_without_row_level_security(string from, string to, int exitCode)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease(from), new LogtoRelease(to));
        await scenario.ExecuteAsync(TableWithoutRls);

        Assert.Equal(["left_by_someone"], (await scenario.PreconditionsAsync()).WithoutRls);
        Assert.Equal(exitCode, await AgreedVerdictAsync(scenario));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_table_without_row_level_security_is_told_before_the_deploy_and_not_after_it()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        await scenario.ExecuteAsync("""create table "My Own" (id int)""");

        var result = await scenario.RunAsync("migrate");
        var check = await Gate.RunAsync(["check", "--output", "json"], scenario.Variables(), cancellationToken: TestContext.Current.CancellationToken);

        Expect.Ending(Expect.Unstartable, result);
        Assert.Contains("10 alterations are pending and nothing was begun", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("My Own", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("`logto-migrate-init repair`", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(new LogtoRelease("1.42.0").LastTimestamp, await scenario.StateAsync());
        Expect.Ending(Expect.Unstartable, check);
        using var report = JsonDocument.Parse(check.StandardOutput);
        Assert.Equal(new LogtoRelease("1.42.0").LastTimestamp, report.RootElement.GetProperty("state").GetDecimal());
        Assert.Equal(10, report.RootElement.GetProperty("pending").GetArrayLength());
    }

    [Fact(Timeout = 600_000)]
    public async Task A_pending_alteration_that_mends_a_table_is_deployed()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, LogtoRelease.Newest);
        await scenario.ExecuteAsync(TableWithoutRls);
        await scenario.Target.AddAlterationAsync(
            "1.43.0-1899999999-protect.js", "await pool.query(sql`alter table left_by_someone enable row level security`);", TestContext.Current.CancellationToken);

        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate"));
        Assert.Equal(Expect.Success, await AgreedVerdictAsync(scenario));
    }

    [Fact(Timeout = 600_000)]
    public async Task A_newer_database_starts_an_older_Logto_and_passes_when_that_is_allowed()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, new LogtoRelease("1.42.0"));

        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
        foreach (var command in new[] { "check", "migrate" })
        {
            Expect.Ending(Expect.Success, await scenario.RunAsync(command, ("LOGTO_INIT_AHEAD", "allow")));
            var refused = await scenario.RunAsync(command, ("LOGTO_INIT_AHEAD", "fail"));
            Expect.Ending(Expect.Ahead, refused);
            Expect.LogContains("LOGTO_INIT_AHEAD=allow", refused);
            Expect.LogContains("logto-migrate-init rollback", refused);
        }
    }

    /// <summary>Runs <c>check</c>, demands that its verdict follows from what Logto's code says, and returns its exit code.</summary>
    private static async Task<int> AgreedVerdictAsync(LogtoWorld scenario)
    {
        var before = await scenario.StateAsync();
        var logto = await scenario.PreconditionsAsync();
        var result = await scenario.RunAsync("check");
        var expected = logto switch
        {
            { WithoutRls.Count: > 0 } => Expect.Unstartable,
            { Undeployed: > 0 } => Expect.Pending,
            _ => Expect.Success,
        };
        Expect.Ending(expected, result);
        Assert.Equal(before, await scenario.StateAsync());
        return result.ExitCode;
    }
}
