using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>Each condition of docs/reliability.md under which Logto starts and fails, and what lies beside it and is harmless.</summary>
public sealed class StartConditionsSpecs
{
    private static readonly LogtoRequirements Target = new(["users", "applications", "tenants"], KeysHaveStatus: true);
    private static readonly LogtoRequirements OldTarget = Target with { KeysHaveStatus = false };
    private static readonly AlterationState Now = new(1786431364);
    private static readonly AlterationState BeforeTenants = new(1676115896);
    private static readonly StartFacts Healthy = MigrationPlanSpecs.Healthy;

    [Fact]
    public void A_seed_has_no_fault() => Assert.Empty(Faults(Healthy));

    [Theory]
    [InlineData("admin")]
    [InlineData("default")]
    public void Both_tenants_are_needed(string missing)
    {
        var start = Healthy with { Tenants = [.. Healthy.Tenants.Where(tenant => tenant.Tenant != missing)] };

        Assert.Equal($"the table 'tenants' has no row '{missing}'", Assert.Single(Faults(start)).What);
        Assert.Empty(Faults(start, state: BeforeTenants));
    }

    [Fact]
    public void Where_the_address_chooses_the_tenant_a_missing_default_is_a_warning()
    {
        var start = Healthy with { Tenants = [Healthy.Tenants[0]] };
        var target = Target with { NeedsDefaultTenant = false };

        Assert.Empty(Faults(start, target));
        Assert.Contains("no row 'default'", Assert.Single(StartConditions.FindWarnings(target, start)), StringComparison.Ordinal);
        Assert.Single(Faults(Healthy with { Tenants = [Healthy.Tenants[1]] }, target));
    }

    [Fact]
    public void A_tenant_that_names_no_role_is_a_fault() =>
        Assert.Contains("names no role", Assert.Single(Faults(With(Healthy.Tenants[1] with { Role = null }))).What, StringComparison.Ordinal);

    [Theory]
    [InlineData(1, 1, 0, 0, true)]
    [InlineData(2, 1, 0, 1, true)]
    [InlineData(3, 1, 1, 1, true)]
    [InlineData(3, 1, 0, 2, false)] // two rotations with a CLI up to 1.38
    [InlineData(2, 2, 0, 0, false)]
    [InlineData(2, 0, 1, 1, false)]
    [InlineData(3, 1, 2, 0, false)]
    [InlineData(2, 1, 0, 0, false)] // one has a status that core does not know
    public void Signing_keys_are_accepted_as_core_accepts_them(int count, int current, int next, int previous, bool accepted)
    {
        var start = With(new KeySet("default", KeySet.PrivateKeys, count, current, next, previous));

        Assert.Equal(accepted ? 0 : 1, Faults(start).Count);
        Assert.Empty(Faults(start, OldTarget));
        Assert.Empty(Faults(start, state: BeforeTenants));
    }

    [Fact]
    public void Surplus_keys_are_told_with_what_drops_them()
    {
        var remedy = Assert.Single(Faults(With(new KeySet("default", KeySet.PrivateKeys, 4, 1, 0, 3)))).Remedy;

        Assert.Contains("`logto-migrate-init repair --trim-signing-keys`", remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_number_of_cookie_keys_is_accepted() => Assert.Empty(Faults(With(new KeySet("default", KeySet.CookieKeys, 5, 1, 0, 4))));

    [Theory]
    [InlineData(KeySet.PrivateKeys, 0, "holds no key")]
    [InlineData(KeySet.CookieKeys, 0, "holds no key")]
    [InlineData(KeySet.PrivateKeys, null, "is no array")]
    [InlineData(KeySet.CookieKeys, null, "is no array")]
    public void A_set_without_keys_is_a_fault_for_every_target(string key, int? count, string problem)
    {
        var start = With(new KeySet("admin", key, count, 0, 0, 0));

        Assert.Contains(problem, Assert.Single(Faults(start)).What, StringComparison.Ordinal);
        Assert.Contains(problem, Assert.Single(Faults(start, OldTarget)).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(KeySet.PrivateKeys)]
    [InlineData(KeySet.CookieKeys)]
    public void A_missing_set_is_a_fault(string key) =>
        Assert.Contains(
            $"'{key}' of the tenant 'default' in the table 'logto_configs' is missing",
            Assert.Single(Faults(Healthy with { Keys = [.. Healthy.Keys!.Where(set => set.Tenant != "default" || set.Key != key)] })).What,
            StringComparison.Ordinal);

    [Fact]
    public void Keys_in_the_form_before_tenants_are_not_judged() => Assert.Empty(Faults(Healthy with { Keys = null }));

    [Fact]
    public void A_table_without_its_policies_is_a_fault_unless_a_pending_alteration_works_on_it()
    {
        var database = MigrationPlanSpecs.Logto with { UnprotectedTables = [new UnprotectedTable("users", "has no restrictive policy for all")] };

        Assert.Contains("'users' has no restrictive policy", Assert.Single(StartConditions.FindFaults(Target, database, Now, _ => false)).What, StringComparison.Ordinal);
        Assert.Empty(StartConditions.FindFaults(Target, database, Now, table => table == "users"));
    }

    [Fact]
    public void All_faults_are_told_at_once() =>
        Assert.Equal(4, Faults(new StartFacts { Tenants = [Healthy.Tenants[0] with { Role = null }], OtherTenants = 0, UnusableOtherTenants = 0, Keys = [] }).Count);

    [Theory]
    [InlineData(0, 0)] // refused as "may not log in"
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(5, 0)]
    [InlineData(-1, 0)]
    public void A_low_connection_limit_is_a_warning(int limit, int warnings)
    {
        var start = With(Healthy.Tenants[1] with { ConnectionLimit = limit });

        Assert.Empty(Faults(start));
        Assert.Equal(warnings, StartConditions.FindWarnings(Target, start).Count());
    }

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(200.0, 1)]
    [InlineData(1000.0, 0)]
    public void A_short_statement_timeout_is_a_warning(double milliseconds, int warnings) =>
        Assert.Equal(warnings, StartConditions.FindWarnings(Target, With(Healthy.Tenants[1] with { StatementMilliseconds = milliseconds })).Count());

    [Fact]
    public void Other_tenants_do_no_harm_and_are_counted()
    {
        var start = Healthy with { OtherTenants = 9, UnusableOtherTenants = 2 };

        Assert.Empty(Faults(start));
        Assert.StartsWith("2 of 9 other tenants", Assert.Single(StartConditions.FindWarnings(Target, start)), StringComparison.Ordinal);
    }

    private static IReadOnlyList<Fault> Faults(StartFacts start, LogtoRequirements? target = null, AlterationState? state = null) =>
        StartConditions.FindFaults(target ?? Target, MigrationPlanSpecs.Logto with { Start = start }, state ?? Now, _ => false);

    private static StartFacts With(TenantFacts changed) =>
        Healthy with { Tenants = [.. Healthy.Tenants.Select(tenant => tenant.Tenant == changed.Tenant ? changed : tenant)] };

    private static StartFacts With(KeySet changed) =>
        Healthy with { Keys = [.. Healthy.Keys!.Select(set => (set.Tenant, set.Key) == (changed.Tenant, changed.Key) ? changed : set)] };
}
