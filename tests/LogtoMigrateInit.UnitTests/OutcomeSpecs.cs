using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What a verdict means for the orchestrator; a new one must not silently mean something old.</summary>
public sealed class OutcomeSpecs
{
    private static readonly AlterationCatalog Catalog = AlterationCatalog.Read("1.40.0", ["1.40.0-1779421396-a.js"], _ => "");
    private static readonly AlterationState State = AlterationState.Parse("""{"timestamp": 1779421396}""");

    private static readonly IReadOnlyList<(Verdict Verdict, ExitCode ExitCode)> Endings =
    [
        (new Verdict.Matching(State), ExitCode.Success),
        (new Verdict.Pending(State, [.. Catalog.PendingAfter(AlterationState.Parse("""{"timestamp": 1700000000}"""))]), ExitCode.Pending),
        (new Verdict.Ahead(State), ExitCode.Ahead),
        (new Verdict.Unstartable(State, [], ["notes"]), ExitCode.Unstartable),
        (new Verdict.Failing(State, [], [new Fault("the table 'tenants' has no row 'admin'", "restore that table from a backup")]), ExitCode.Unstartable),
        (new Verdict.DriverRefused("unsupported startup parameter: statement_timeout"), ExitCode.Refused),
        (new Verdict.Hidden(State, "permission denied for table tenants"), ExitCode.Refused),
        (new Verdict.Empty(), ExitCode.Empty),
        (new Verdict.Foreign("it is somebody else's"), ExitCode.NotLogto),
        (new Verdict.Damaged("its state is damaged"), ExitCode.NotLogto),
    ];

    [Fact]
    public void Every_verdict_has_its_ending()
    {
        var options = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = "postgresql://u:p@db/logto" }, out _)!;

        Assert.Equal(
            typeof(Verdict).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(Verdict))).OrderBy(type => type.Name),
            Endings.Select(each => each.Verdict.GetType()).OrderBy(type => type.Name));
        Assert.All(Endings, each => Assert.Equal(each.ExitCode, Outcome.Of(each.Verdict, Catalog, options).ExitCode));
    }

    [Fact]
    public void An_empty_database_is_said_not_to_be_seeded_only_when_the_variable_says_so()
    {
        var settings = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = "postgresql://u:p@db/logto" }, out _)!;

        Assert.IsType<Outcome.Empty>(Outcome.Of(new Verdict.Empty(), Catalog, settings));
        Assert.IsType<Outcome.WouldSeed>(Outcome.Of(new Verdict.Empty(), Catalog, settings with { Seed = SeedMode.True }));
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("localhost", true)]
    [InlineData("db", false)]
    public void A_server_that_is_missing_on_this_host_may_be_a_proxy_that_starts_later(string host, bool expected)
    {
        var settings = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = $"postgresql://u:p@{host}/logto" }, out _)!;

        var outcome = new Outcome.Unreachable(settings, "Connection refused", "check that it runs");

        Assert.Equal(expected, outcome.Message.Contains("an init container with `restartPolicy: Always`", StringComparison.Ordinal));
    }
}
