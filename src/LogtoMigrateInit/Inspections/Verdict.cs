using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// What a database is to a target. The cases: <see cref="Matching"/>, <see cref="Pending"/>, <see cref="Ahead"/>,
/// <see cref="Unstartable"/>, <see cref="Failing"/>, <see cref="DriverRefused"/>, <see cref="Hidden"/>, <see cref="Empty"/>, <see
/// cref="Foreign"/>, <see cref="Damaged"/>.
/// </summary>
internal abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>Nothing is pending, Logto's start-up checks pass, and the roles that it logs in as are there.</summary>
    public sealed record Matching(AlterationState State) : Verdict;

    /// <summary>The target ships alterations above the state; never an empty list.</summary>
    public sealed record Pending(AlterationState State, IReadOnlyList<Alteration> Alterations) : Verdict;

    /// <summary>The state is above everything that the target ships; otherwise as <see cref="Matching"/>.</summary>
    public sealed record Ahead(AlterationState State) : Verdict;

    /// <summary>Logto refuses to start because tables have no row-level security, and no pending alteration names them.</summary>
    public sealed record Unstartable(
        AlterationState State, IReadOnlyList<Alteration> Alterations, IReadOnlyList<string> TablesWithoutRowSecurity) : Verdict;

    /// <summary>
    /// Logto would start and fail: it cannot serve the tenants that every installation needs. Never an empty list of faults.
    /// </summary>
    public sealed record Failing(AlterationState State, IReadOnlyList<Alteration> Alterations, IReadOnlyList<Fault> Faults) : Verdict;

    /// <summary>A connection pooler refuses what Logto's driver sends at login; the reason is the pooler's.</summary>
    public sealed record DriverRefused(string Reason) : Verdict;

    /// <summary>We, and so Logto, may not read how its tenants log in; the reason is the server's.</summary>
    public sealed record Hidden(AlterationState State, string Reason) : Verdict;

    /// <summary>Nothing but what extensions own: a database to seed.</summary>
    public sealed record Empty : Verdict;

    /// <summary>Something, but nothing of Logto's.</summary>
    public sealed record Foreign(string Reason) : Verdict;

    /// <summary>Logto's tables with a state that its CLI would misread; the reason is a clause for the operator.</summary>
    public sealed record Damaged(string Reason) : Verdict;
}
