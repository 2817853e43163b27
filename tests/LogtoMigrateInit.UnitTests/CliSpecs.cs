using System.Text;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class CliSpecs
{
    private const string Url = "postgresql://u:p%40ss%22word@db/logto";

    [Fact]
    public void The_CLI_gets_no_yes_in_CI_and_asks_nothing_of_an_old_database()
    {
        Assert.Equal("", Environment("1.20.0-1723448981-a.js")["CI"]);
        Assert.Equal("0", Environment("1.0.0_rc.1-1676906977-remove-demo-app.js")["CI"]);
        Assert.Equal("", Environment(null)["CI"]);
        Assert.Equal("", Environment(null)["ALTERATION_TEST"]);
    }

    [Fact]
    public void The_users_own_server_options_come_last() =>
        Assert.EndsWith(" -c lock_timeout=7", Environment(null, ("PGOPTIONS", "-c lock_timeout=7"))["PGOPTIONS"], StringComparison.Ordinal);

    [Fact]
    public void The_tools_get_the_users_own_server_options_last_too()
    {
        var settings = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = Url, ["PGOPTIONS"] = "-c lock_timeout=7" }, out _)!;

        Assert.EndsWith(" -c lock_timeout=7", ToolEnvironment.Build(settings.Main, "test", null)["PGOPTIONS"], StringComparison.Ordinal);
    }

    [Fact]
    public void No_lock_timeout_ends_a_concurrent_build() =>
        Assert.Contains("-c lock_timeout=0 ", Environment(null, ("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "3"))["PGOPTIONS"], StringComparison.Ordinal);

    [Fact]
    public void A_pooler_is_sent_no_server_options() =>
        Assert.False(Build(CliJob.Seed([], MigrationPlanSpecs.Logto with { BehindPooler = true })).ContainsKey("PGOPTIONS"));

    [Fact(Timeout = 50_000)]
    public async Task Progress_failure_and_complaint_are_read_from_what_the_CLI_prints()
    {
        var output = Output("1.41.0-1780381219-a.js", "1.42.0-1784620000-b.js");
        await FeedAsync(output, "info Found 2 alterations to deploy\ninfo Run alteration 1.41.0-1780381219-a.js `up()` function succeeded\n");
        await FeedAsync(output, "error error: relation \"x\" already exists\n    at somewhere\nfatal Error occurred while running alteration 1.42.0-1784620000-b.js.\n");

        var run = output.Summarise(CliEnd.ByItself, 1);
        Assert.Equal(1, run.Finished);
        Assert.Equal("1.42.0-1784620000-b.js", run.Failed);
        Assert.Contains("already exists", run.Complaint, StringComparison.Ordinal);
    }

    [Fact(Timeout = 50_000)]
    public async Task A_line_without_an_end_does_not_fill_the_memory()
    {
        var output = Output();
        await FeedAsync(output, new string('x', 1_000_000));

        Assert.InRange(Complaint(output).Length, 2000, 3000);
    }

    [Fact(Timeout = 50_000)]
    public async Task A_secret_across_the_cut_of_a_long_line_is_not_shown_in_part()
    {
        var output = Output();
        await FeedAsync(output, new string('x', 4092) + "p@ss\"word and more");

        Assert.DoesNotContain("p@", Complaint(output), StringComparison.Ordinal);
    }

    [Theory(Timeout = 50_000)]
    [InlineData("e", "relation \"nosuchtable_e\" does not exist")]
    [InlineData("error", "relation \"nosuchtable_e\" does not exist")]
    [InlineData("does not", "relation \"nosuchtable_e\" *** exist")]
    public async Task A_password_that_is_a_word_of_the_message_does_not_hide_the_reason(string password, string reason)
    {
        var output = new CliOutput(password, CliJob.Deploy([], MigrationPlanSpecs.Logto), () => { }, NullLogger.Instance);
        await FeedAsync(output, "error error: relation \"nosuchtable_e\" does not exist\nFix the error and deploy again.\n");

        Assert.Equal(reason, Complaint(output));
    }

    [Fact(Timeout = 50_000)]
    public async Task Progress_of_a_rollback_is_read_too()
    {
        var output = new CliOutput(
            "p@ss\"word", CliJob.Rollback("1.40.0", [Alteration.Parse("1.42.0-1784620000-b.js")!, Alteration.Parse("1.41.0-1780381219-a.js")!], MigrationPlanSpecs.Logto), () => { }, NullLogger.Instance);
        await FeedAsync(output, "info Found 2 alterations to revert\ninfo Run alteration 1.42.0-1784620000-b.js `down()` function succeeded\n");

        Assert.Equal(1, output.Summarise(CliEnd.ByItself, 0).Finished);
        Assert.Equal("1.41.0-1780381219-a.js", output.Running?.FileName);
    }

    [Fact(Timeout = 50_000)]
    public async Task No_alteration_runs_while_Node_loads_the_CLI()
    {
        var output = Output("1.41.0-1780381219-a.js");
        Assert.Null(output.Running);

        await FeedAsync(output, "info Found 1 alteration to deploy\n");

        Assert.Equal("1.41.0-1780381219-a.js", output.Running?.FileName);
    }

    private static CliOutput Output(params string[] pending) => new("p@ss\"word", CliJob.Deploy([.. pending.Select(name => Alteration.Parse(name)!)], MigrationPlanSpecs.Logto), () => { }, NullLogger.Instance);

    private static string Complaint(CliOutput output) => output.Summarise(CliEnd.ByItself, 1).Complaint;

    private static Task FeedAsync(CliOutput output, string text) =>
        output.FollowAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), "stdout", TestContext.Current.CancellationToken);

    private static IReadOnlyDictionary<string, string?> Environment(string? first, params (string Name, string Value)[] more) =>
        Build(first is null ? CliJob.Seed([], MigrationPlanSpecs.Logto) : CliJob.Deploy([Alteration.Parse(first)!], MigrationPlanSpecs.Logto), more);

    private static IReadOnlyDictionary<string, string?> Build(CliJob job, params (string Name, string Value)[] more)
    {
        var settings = SettingsReader.Read(more.Append(("DB_URL", Url)).ToDictionary(each => each.Item1, each => each.Item2), out _)!;
        return CliEnvironment.Build(settings, settings.Main, "run", job);
    }
}
