using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Rollback;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What a rollback reverts, and what it does not begin.</summary>
public sealed class RollbackPlanSpecs
{
    private const string First = "1.40.0-1779421396-a.js";
    private const string Second = "1.41.0-1782375106-b.js";
    private const string Third = "1.41.0-1782375200-c.js";
    private const string Fourth = "1.43.0-1786431364-d.js";
    private const string Unreleased = "next-1786500000-e.js";

    private static readonly AlterationCatalog Catalog = AlterationCatalog.Read("1.43.0", [First, Second, Third, Fourth, Unreleased]);

    [Theory]
    [InlineData("1.42.0", 1786500000, new[] { Unreleased, Fourth }, 1786431363)]
    [InlineData("1.43.0", 1786500000, new[] { Unreleased }, 1786499999)]
    [InlineData("1.40.1", 1786500000, new[] { Unreleased, Fourth, Third, Second }, 1782375105)]
    [InlineData("1.40.0", 1782375199, new[] { Second }, 1782375105)] // after a rollback that was interrupted
    [InlineData("1.41.0-rc.1", 1782375200, new[] { Third, Second }, 1782375105)]
    public void It_reverts_what_the_CLI_would_the_newest_first(string version, double state, string[] expected, double after)
    {
        var steps = Assert.IsType<RollbackPlan.Steps>(RollbackPlan.Decide(Catalog, version, new AlterationState(state)));

        Assert.Equal(expected, steps.Alterations.Select(alteration => alteration.FileName));
        Assert.Equal(after, steps.StateAfter.Timestamp);
    }

    [Theory]
    [InlineData("1.42.0", 1786431363)] // which a rollback leaves
    [InlineData("1.41.0", 1782375200)]
    [InlineData("1.41.7", 1782375200)]
    [InlineData("1.43.0", 1786431364)]
    public void At_the_release_already_nothing_is_reverted(string version, double state) =>
        Assert.IsType<RollbackPlan.AlreadyThere>(RollbackPlan.Decide(Catalog, version, new AlterationState(state)));

    [Theory]
    [InlineData("1.44.0", 1786431364, "newer than this image")]
    [InlineData("1.39.0", 1786431364, "knows no alteration as old")]
    [InlineData("1.42.0", 1782375105, "is older than Logto 1.42.0")]
    [InlineData("1.40.0", 1786500001, "the last alteration of this image")]
    public void What_cannot_be_is_refused_with_its_reason(string version, double state, string reason) =>
        Assert.Contains(reason, Assert.IsType<RollbackPlan.Refused>(RollbackPlan.Decide(Catalog, version, new AlterationState(state))).Reason, StringComparison.Ordinal);

    [Fact]
    public void Alterations_out_of_order_leave_no_state_that_says_what_is_deployed() =>
        Assert.Contains(
            "restore a backup",
            Assert.IsType<RollbackPlan.Refused>(RollbackPlan.Decide(
                AlterationCatalog.Read("1.43.0", ["1.42.0-1785000000-late.js", "1.43.0-1784000000-early.js"]), "1.42.0", new AlterationState(1785000000))).Reason,
            StringComparison.Ordinal);

    [Fact]
    public void A_file_whose_release_cannot_be_read_is_left_as_the_CLI_leaves_it()
    {
        var steps = Assert.IsType<RollbackPlan.Steps>(RollbackPlan.Decide(
            AlterationCatalog.Read("1.43.0", [First, Fourth, "odd-1786431365-x.js"]), "1.42.0", new AlterationState(1786431365)));

        Assert.Equal([Fourth], steps.Alterations.Select(alteration => alteration.FileName));
    }

    [Theory]
    [InlineData("1.40.1", true)]
    [InlineData("1.0.0-rc.1", true)]
    [InlineData("1.40", false)]
    [InlineData("v1.40.1", false)]
    [InlineData("latest", false)]
    [InlineData("", false)]
    [InlineData("1.40.1 --yes", false)]
    public void A_release_has_three_numbers(string text, bool isVersion) => Assert.Equal(isVersion, RollbackPlan.IsVersion(text));
}
