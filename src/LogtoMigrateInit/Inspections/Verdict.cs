using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// The judgment of a database for a target. The cases: <see cref="Matching"/>, <see cref="Pending"/>, <see cref="Ahead"/>,
/// <see cref="Unstartable"/>, <see cref="Failing"/>, <see cref="DriverRefused"/>, <see cref="Hidden"/>, <see cref="Empty"/>, <see
/// cref="Foreign"/>, <see cref="Damaged"/>.
/// </summary>
internal abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>Nothing is pending, and the program knows no reason why Logto would not start and work.</summary>
    public sealed record Matching(AlterationState State) : Verdict;

    /// <summary>The target ships alterations above the state. The list is never empty.</summary>
    public sealed record Pending(AlterationState State, IReadOnlyList<Alteration> Alterations) : Verdict;

    /// <summary>The state is above all alterations of the target. All else is as in <see cref="Matching"/>.</summary>
    public sealed record Ahead(AlterationState State) : Verdict;

    /// <summary>Logto would refuse to start because tables have no row-level security. No pending alteration names them.</summary>
    public sealed record Unstartable(
        AlterationState State, IReadOnlyList<Alteration> Alterations, IReadOnlyList<string> TablesWithoutRowSecurity) : Verdict;

    /// <summary>
    /// Logto would start and then fail for the tenants <c>default</c> and <c>admin</c>. The list of faults is never empty.
    /// </summary>
    public sealed record Failing(AlterationState State, IReadOnlyList<Alteration> Alterations, IReadOnlyList<Fault> Faults) : Verdict;

    /// <summary>A pooler refuses the parameters that Logto's driver sends at login. The reason is the pooler's message.</summary>
    public sealed record DriverRefused(string Reason) : Verdict;

    /// <summary>The user, and so Logto, may not read the tenants' credentials. The reason is the server's message.</summary>
    public sealed record Hidden(AlterationState State, string Reason) : Verdict;

    /// <summary>The database has no objects except those of extensions, and can be seeded.</summary>
    public sealed record Empty : Verdict;

    /// <summary>The database has objects, but none of Logto's.</summary>
    public sealed record Foreign(string Reason) : Verdict;

    /// <summary>Logto's tables or their state are damaged, so the CLI must not run. The reason is a clause for the operator.</summary>
    public sealed record Damaged(string Reason) : Verdict;
}
