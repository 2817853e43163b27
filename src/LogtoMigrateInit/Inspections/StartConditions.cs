using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// Decides from an inspection whether Logto would start and then fail. It is pure, and the same before a deploy, after it, and with nothing
/// pending. docs/reliability.md compares the conditions with core's behavior.
/// </summary>
internal static class StartConditions
{
    /// <summary>
    /// The alteration <c>1.0.0_rc.1-1676115897</c>, which gives every tenant its own keys. Older states are not checked for them.
    /// </summary>
    private const double FirstWithTenants = 1676115897;

    private static readonly string[] BothTenants = ["admin", "default"];

    private static readonly string[] AdminTenant = ["admin"];

    private const string Restore = "restore that table from a backup";

    /// <summary>Returns the known faults with which Logto would start and fail.</summary>
    /// <param name="isMended">Whether a pending alteration names this table, and so may repair it.</param>
    public static IReadOnlyList<Fault> FindFaults(
        LogtoRequirements target, Inspection database, AlterationState state, Func<string, bool> isMended)
    {
        if (database.Start is not { } start)
        {
            return [];
        }

        var isOld = state.Timestamp < FirstWithTenants;
        return
        [
            .. isOld ? [] : FindMissingTenants(target, start),
            .. start.Tenants.SelectMany(tenant => FindFaults(tenant)),
            .. isOld || start.Keys is null ? [] : FindKeyFaults(target, start, start.Keys),
            .. FindTableFaults([.. database.UnprotectedTables.Where(table => !isMended(table.Table))]),
        ];
    }

    /// <summary>Returns a sentence for each fact that may disturb Logto but does not stop it from answering.</summary>
    public static IEnumerable<string> FindWarnings(LogtoRequirements target, StartFacts start)
    {
        const int FewConnections = 5;
        const int ShortStatement = 1000;
        if (!target.NeedsDefaultTenant && start.Tenants.All(tenant => tenant.Tenant != "default"))
        {
            yield return "The table 'tenants' has no row 'default'. ENDPOINT or PATH_BASED_MULTI_TENANCY choose the tenant, so this may " +
                "be meant.";
        }

        foreach (var tenant in start.Tenants.Where(tenant => tenant.ConnectionLimit is > 0 and < FewConnections))
        {
            yield return $"The role '{tenant.Role}' may have {tenant.ConnectionLimit} connections. Logto opens up to 20 for each tenant, " +
                "and answers 500 when it gets none. Raise the limit with `alter role … connection limit …`.";
        }

        foreach (var tenant in start.Tenants.Where(tenant => tenant.StatementMilliseconds is > 0 and < ShortStatement))
        {
            yield return $"The role '{tenant.Role}' has a statement_timeout of {tenant.StatementMilliseconds:0} ms, " +
                "which may end Logto's queries.";
        }

        if (start.UnusableOtherTenants > 0)
        {
            yield return $"{start.UnusableOtherTenants} of {start.OtherTenants} other tenants have no password, or no role that may log " +
                "in. Logto answers 500 for each of these, and serves the tenants 'default' and 'admin'.";
        }
    }

    private static IEnumerable<Fault> FindMissingTenants(LogtoRequirements target, StartFacts start) =>
        from tenant in target.NeedsDefaultTenant ? BothTenants : AdminTenant
        where start.Tenants.All(found => found.Tenant != tenant)
        select new Fault($"the table 'tenants' has no row '{tenant}'", Restore);

    private static IEnumerable<Fault> FindFaults(TenantFacts tenant)
    {
        if (tenant.Role is not { } role)
        {
            yield return new Fault($"the tenant '{tenant.Tenant}' names no role that Logto could log in as", Restore);
        }
        else if (tenant.RoleProblem is { } problem)
        {
            yield return new Fault($"the role '{role}' of the tenant '{tenant.Tenant}' {problem}", Remedy(tenant));
        }
    }

    private static string Remedy(TenantFacts tenant) => tenant switch
    {
        { RoleProblem: TenantFacts.HasNoPassword } => Restore,
        { RoleProblem: TenantFacts.IsAboveRowSecurity } =>
            $"{RepairAdvice.Run}, which takes SUPERUSER and BYPASSRLS from it; or give that tenant a role of its own that does not own " +
            "Logto's tables",
        _ => RepairAdvice.Run,
    };

    private static IEnumerable<Fault> FindKeyFaults(LogtoRequirements target, StartFacts start, IReadOnlyList<KeySet> keys)
    {
        foreach (var tenant in start.Tenants.Select(tenant => tenant.Tenant))
        {
            foreach (var name in KeySet.Names)
            {
                var set = keys.FirstOrDefault(set => set.Tenant == tenant && set.Key == name);
                if (set is not { Count: > 0 })
                {
                    var what = set is null ? "is missing" : set.Count is null ? "is no array" : "holds no key";
                    yield return new Fault($"'{name}' of the tenant '{tenant}' in the table 'logto_configs' {what}", Restore);
                }
                else if (name == KeySet.PrivateKeys && target.KeysHaveStatus && !IsAccepted(set))
                {
                    yield return new Fault(
                        $"'{name}' of the tenant '{tenant}' holds {set.Count} keys ({set.Current} Current, {set.Next} Next, " +
                        $"{set.Previous} Previous), and Logto from 1.39 on accepts exactly one Current, at most one Next and at most one " +
                        "Previous key",
                        SurplusKeys(set) > 0 ? RepairAdvice.TrimKeys : $"correct the statuses of these keys, or {Restore}");
                }
            }
        }
    }

    /// <summary>
    /// Returns how many of the oldest Previous keys are too many; 0 when dropping them would not make the set acceptable.
    /// </summary>
    public static int SurplusKeys(KeySet set) =>
        set is { Key: KeySet.PrivateKeys, Current: 1, Next: 0, Previous: > 1 } && set.Current + set.Previous == set.Count
            ? set.Previous - 1
            : 0;

    private static bool IsAccepted(KeySet set) =>
        set is { Current: 1, Next: <= 1, Previous: <= 1 } && set.Current + set.Next + set.Previous == set.Count;

    private static IEnumerable<Fault> FindTableFaults(IReadOnlyList<UnprotectedTable> tables)
    {
        const int Few = 3;
        if (tables.Count > 0)
        {
            var some = string.Join(", ", tables.Take(Few).Select(table => $"'{table.Table}' {table.Problem}"));
            yield return new Fault(
                $"{tables.Count} of Logto's tables {(tables.Count == 1 ? "lacks" : "lack")} a policy or a trigger: " +
                $"{some}{(tables.Count > Few ? ", …" : "")}",
                RepairAdvice.RunForTables);
        }
    }
}
