using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The truth table of the plan.</summary>
public sealed class MigrationPlanSpecs
{
    private const uint Public = 2200;

    private static readonly AlterationCatalog Catalog = AlterationCatalog.Read(
        "1.42.0", ["1.40.0-1779421396-a.js", "1.41.0-1782375106-b.js", "1.42.0-1784620000-c.js"],
        alteration => alteration.Name == "c" ? "alter table notes enable row level security" : "");

    /// <summary>The two tenants of every installation, as a seed leaves them.</summary>
    internal static readonly StartFacts Healthy = new()
    {
        Tenants =
        [
            new TenantFacts("admin", "logto_tenant_logto_admin", null, null, -1, null),
            new TenantFacts("default", "logto_tenant_logto_default", null, null, -1, null),
        ],
        OtherTenants = 0,
        UnusableOtherTenants = 0,
        Keys =
        [
            new KeySet("admin", KeySet.PrivateKeys, 1, 1, 0, 0), new KeySet("admin", KeySet.CookieKeys, 1, 1, 0, 0),
            new KeySet("default", KeySet.PrivateKeys, 1, 1, 0, 0), new KeySet("default", KeySet.CookieKeys, 1, 1, 0, 0),
        ],
    };

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
        Relations = Tables([LogtoNames.Systems, .. LogtoNames.Tables]),
        SystemsHasKey = true,
        ObjectCount = 0,
        Objects = "",
        TablesWithoutRowSecurity = [],
        InvalidIndexes = [],
        States = [State(1784620000)],
        Start = Healthy,
        UnprotectedTables = [],
        TenantsRefusal = null,
    };

    private static readonly Inspection Nothing = Logto with
    {
        Relations = [],
        SystemsHasKey = false,
        States = [],
        Start = null,
    };

    [Fact]
    public void A_state_of_the_last_alteration_matches() => Assert.IsType<Verdict.Matching>(Decide(Logto));

    [Theory]
    [InlineData(1782375106, 1)]
    [InlineData(1782375105, 2)]
    [InlineData(1784619999.5, 1)]
    [InlineData(1674987042, 3)]
    public void All_alterations_above_the_state_are_pending(double state, int count) =>
        Assert.Equal(count, Assert.IsType<Verdict.Pending>(Decide(Logto with { States = [State(state)] })).Alterations.Count);

    [Fact]
    public void A_state_above_the_last_alteration_is_ahead() =>
        Assert.IsType<Verdict.Ahead>(Decide(Logto with { States = [State(1784620000.5)] }));

    [Theory]
    [InlineData(1784620000)]
    [InlineData(1799999999)]
    [InlineData(1782375106)]
    public void A_table_without_row_security_is_unstartable_whatever_the_state(double state) =>
        Assert.Equal(
            ["left_over"],
            Assert.IsType<Verdict.Unstartable>(Decide(Logto with { TablesWithoutRowSecurity = ["left_over"], States = [State(state)] })).TablesWithoutRowSecurity);

    [Theory]
    [InlineData("notes", true)]
    [InlineData("note", false)]
    [InlineData("otes", false)]
    [InlineData("Notes", false)]
    public void A_table_without_row_security_is_left_to_a_pending_alteration_that_names_it(string table, bool isPending) =>
        Assert.Equal(isPending, Decide(Logto with { TablesWithoutRowSecurity = [table], States = [State(1782375106)] }) is Verdict.Pending);

    [Fact]
    public void A_table_that_only_an_applied_alteration_names_is_unstartable() =>
        Assert.IsType<Verdict.Unstartable>(Decide(Logto with { TablesWithoutRowSecurity = ["notes"] }));

    [Theory]
    [InlineData(1784620000)]
    [InlineData(1799999999)]
    [InlineData(1782375106)]
    public void A_role_that_cannot_be_used_makes_Logto_fail_whatever_the_state(double state)
    {
        var broken = Healthy with { Tenants = [Healthy.Tenants[0] with { RoleProblem = "is missing" }, Healthy.Tenants[1]] };

        var fault = Assert.Single(Assert.IsType<Verdict.Failing>(Decide(Logto with { Start = broken, States = [State(state)] })).Faults);

        Assert.Equal("the role 'logto_tenant_logto_admin' of the tenant 'admin' is missing", fault.What);
    }

    [Fact]
    public void A_search_path_that_begins_with_pg_catalog_is_named_instead_of_the_servers_own_tables()
    {
        var failing = Assert.IsType<Verdict.Failing>(Decide(Logto with { Schema = "pg_catalog", TablesWithoutRowSecurity = ["pg_aggregate"] }));

        Assert.Contains("alter role \"logto\" reset search_path", Assert.Single(failing.Faults).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pooler_that_refuses_Logtos_driver_comes_first() =>
        Assert.IsType<Verdict.DriverRefused>(Decide(Logto with { DriverRefusal = "unsupported startup parameter: statement_timeout", States = [] }));

    [Fact]
    public void Tenants_that_we_may_not_read_are_no_match_and_are_left_to_the_preflight_when_something_is_pending()
    {
        var hidden = Logto with { Start = null, TenantsRefusal = "permission denied" };

        Assert.Equal("permission denied", Assert.IsType<Verdict.Hidden>(Decide(hidden)).Reason);
        Assert.IsType<Verdict.Hidden>(Decide(hidden with { States = [State(1799999999)] }));
        Assert.IsType<Verdict.Pending>(Decide(hidden with { States = [State(1782375106)] }));
    }

    [Fact]
    public void Before_tenants_had_roles_alterations_are_pending()
    {
        var early = Logto with { Start = null };

        Assert.IsType<Verdict.Pending>(Decide(early with { States = [State(1674987042)] }));
        Assert.IsType<Verdict.Damaged>(Decide(early));
    }

    [Fact]
    public void No_object_at_all_is_empty() => Assert.IsType<Verdict.Empty>(Decide(Nothing));

    [Fact]
    public void Objects_of_somebody_else_are_foreign_and_named() =>
        Assert.Contains(
            "(view orders)", Assert.IsType<Verdict.Foreign>(Decide(Nothing with { ObjectCount = 1, Objects = "view orders", Relations = Tables("users") })).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData("table", true)]
    [InlineData("table", false)]
    [InlineData("view", false)]
    [InlineData("index", false)]
    [InlineData("type", false)]
    [InlineData("foreign table", false)]
    public void Something_called_systems_without_any_table_of_Logtos_is_foreign(string kind, bool hasKey) =>
        Assert.Contains(
            $" {kind} called 'systems'",
            Assert.IsType<Verdict.Foreign>(Decide(Logto with { Relations = [new Relation(LogtoNames.Systems, kind, Public)], SystemsHasKey = hasKey })).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData("view")]
    [InlineData("index")]
    [InlineData("partitioned table")]
    public void Logtos_tables_with_another_kind_of_systems_are_damaged(string kind) =>
        Assert.Contains(
            kind,
            Assert.IsType<Verdict.Damaged>(Decide(Logto with { Relations = [new Relation(LogtoNames.Systems, kind, Public), .. Tables([.. LogtoNames.Tables])] })).Reason, StringComparison.Ordinal);

    public static TheoryData<string> RequiredTables => [.. LogtoNames.Tables];

    [Theory]
    [MemberData(nameof(RequiredTables))]
    public void A_table_of_Logtos_that_is_missing_a_view_or_in_another_schema_is_damage_and_named(string name)
    {
        var others = Logto.Relations.Where(relation => relation.Name != name).ToArray();
        foreach (var relations in new Relation[][] { others, [.. others, new Relation(name, "view", Public)], [.. others, new Relation(name, Relation.Table, Public + 1)] })
        {
            Assert.Contains($"'{name}'", Assert.IsType<Verdict.Damaged>(Decide(Logto with { Relations = relations })).Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Each_damage_has_its_own_reason()
    {
        Inspection[] damaged =
        [
            Logto with { States = [] },
            Logto with { States = [State(1784620000), State(1784620000)] },
            Logto with { States = ["{}"] },
            Logto with { SystemsHasKey = false },
            Logto with { Relations = [.. Logto.Relations, .. Tables(LogtoNames.LegacyConfigs)] },
            Nothing with { Relations = Tables(LogtoNames.LegacyConfigs) },
            Nothing with { Relations = Tables(LogtoNames.LegacyConfigs, "users", "applications") },
            Nothing with { Relations = Tables("users", "applications") },
        ];

        var reasons = damaged.Select(database => Assert.IsType<Verdict.Damaged>(Decide(database)).Reason).ToArray();

        Assert.Equal(damaged.Length, reasons.Distinct().Count());
    }

    private static Relation[] Tables(params string[] names) => [.. names.Select(name => new Relation(name, Relation.Table, Public))];

    private static Verdict Decide(Inspection database) => MigrationPlan.Decide(Catalog, database);

    internal static string State(double timestamp) => $$"""{"timestamp": {{AlterationState.Format(timestamp)}}, "updatedAt": "2026-08-01T00:00:00.000Z"}""";
}
