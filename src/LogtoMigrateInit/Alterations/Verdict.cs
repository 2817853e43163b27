namespace LogtoMigrateInit.Alterations;

/// <summary>
/// What a database is to a target. The cases: <see cref="Matching"/>, <see cref="Pending"/>, <see cref="Ahead"/>,
/// <see cref="Unstartable"/>, <see cref="Empty"/>, <see cref="Foreign"/>, <see cref="Damaged"/>.
/// </summary>
internal abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>Nothing is pending, and Logto's start-up checks pass.</summary>
    public sealed record Matching(AlterationState State) : Verdict;

    /// <summary>The target ships alterations above the state; never an empty list.</summary>
    public sealed record Pending(AlterationState State, IReadOnlyList<Alteration> Alterations) : Verdict;

    /// <summary>The state is above everything that the target ships; Logto's start-up checks pass.</summary>
    public sealed record Ahead(AlterationState State) : Verdict;

    /// <summary>Nothing is pending, and Logto refuses to start because tables have no row-level security.</summary>
    public sealed record Unstartable(AlterationState State, IReadOnlyList<string> TablesWithoutRowSecurity) : Verdict;

    /// <summary>Not one table: a database to seed.</summary>
    public sealed record Empty : Verdict;

    /// <summary>Tables, but none of Logto's.</summary>
    public sealed record Foreign(string Reason) : Verdict;

    /// <summary>Logto's tables with a state that its CLI would misread; the reason is a clause for the operator.</summary>
    public sealed record Damaged(string Reason) : Verdict;
}
