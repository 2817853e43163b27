using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Database;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The truth table of the plan.</summary>
public sealed class MigrationPlanSpecs
{
    private static readonly AlterationCatalog Catalog = AlterationCatalog.Read(
        "1.42.0", ["1.40.0-1779421396-a.js", "1.41.0-1782375106-b.js", "1.42.0-1784620000-c.js"]);

    /// <summary>A database that matches the catalog.</summary>
    internal static readonly Inspection Logto = new()
    {
        Database = "logto",
        User = "logto",
        Schema = "public",
        ServerVersion = 180004,
        InRecovery = false,
        ReadOnly = false,
        BehindPooler = false,
        HasSystems = true,
        HasLegacyConfigs = false,
        HasUsers = true,
        HasApplications = true,
        HasLogtoConfigs = true,
        TableCount = 70,
        TablesWithoutRowSecurity = [],
        InvalidIndexes = [],
        StateJson = State(1784620000),
    };

    private static readonly Inspection Nothing = Logto with
    {
        HasSystems = false,
        HasUsers = false,
        HasApplications = false,
        HasLogtoConfigs = false,
        TableCount = 0,
        StateJson = null,
    };

    [Fact]
    public void A_state_of_the_last_alteration_matches() => Assert.IsType<Verdict.Matching>(Decide(Logto));

    [Theory]
    [InlineData(1782375106, 1)]
    [InlineData(1782375105, 2)]
    [InlineData(1784619999.5, 1)]
    [InlineData(1674987042, 3)]
    public void All_alterations_above_the_state_are_pending(double state, int count) =>
        Assert.Equal(count, Assert.IsType<Verdict.Pending>(Decide(Logto with { StateJson = State(state) })).Alterations.Count);

    [Fact]
    public void A_state_above_the_last_alteration_is_ahead() =>
        Assert.IsType<Verdict.Ahead>(Decide(Logto with { StateJson = State(1784620000.5) }));

    [Fact]
    public void A_table_without_row_security_is_unstartable_also_when_ahead()
    {
        var open = Logto with { TablesWithoutRowSecurity = ["notes"] };

        Assert.Equal(["notes"], Assert.IsType<Verdict.Unstartable>(Decide(open)).TablesWithoutRowSecurity);
        Assert.IsType<Verdict.Unstartable>(Decide(open with { StateJson = State(1799999999) }));
    }

    [Fact]
    public void A_table_without_row_security_does_not_hide_pending_alterations() =>
        Assert.IsType<Verdict.Pending>(Decide(Logto with { TablesWithoutRowSecurity = ["notes"], StateJson = State(1782375106) }));

    [Fact]
    public void No_table_at_all_is_empty() => Assert.IsType<Verdict.Empty>(Decide(Nothing));

    [Fact]
    public void Tables_of_somebody_else_are_foreign() => Assert.IsType<Verdict.Foreign>(Decide(Nothing with { TableCount = 3, HasUsers = true }));

    [Fact]
    public void Each_damage_has_its_own_reason()
    {
        Inspection[] damaged =
        [
            Logto with { StateJson = null },
            Logto with { StateJson = "{}" },
            Logto with { HasLegacyConfigs = true },
            Nothing with { HasLegacyConfigs = true, TableCount = 1 },
            Nothing with { HasLegacyConfigs = true, HasUsers = true, HasApplications = true, TableCount = 12 },
            Logto with { HasSystems = false, StateJson = null },
        ];

        var reasons = damaged.Select(database => Assert.IsType<Verdict.Damaged>(Decide(database)).Reason).ToArray();

        Assert.Equal(damaged.Length, reasons.Distinct().Count());
    }

    private static Verdict Decide(Inspection database) => MigrationPlan.Decide(Catalog, database);

    private static string State(double timestamp) => $$"""{"timestamp": {{AlterationState.Format(timestamp)}}, "updatedAt": "2026-08-01T00:00:00.000Z"}""";
}
