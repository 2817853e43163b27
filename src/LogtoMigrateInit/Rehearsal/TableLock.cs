namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The statements of other sessions that a table's lock blocks (https://www.postgresql.org/docs/current/explicit-locking.html).
/// </summary>
internal enum Blocked
{
    /// <summary>No statement of Logto's.</summary>
    Nothing = 0,

    /// <summary>Inserts, updates and deletes.</summary>
    Writes = 1,

    ReadsAndWrites = 2,
}

/// <summary>The strongest lock on a table or view that existed before the alteration.</summary>
/// <param name="Table">Its name before.</param>
/// <param name="Mode">As <c>pg_locks</c> names it.</param>
internal sealed record TableLock(string Table, string Mode)
{
    /// <summary>The same table in the real database; null when an earlier alteration created it.</summary>
    public string? Real { get; init; }

    private static readonly string[] Modes =
    [
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ];

    public Blocked Blocks => Mode switch
    {
        "AccessExclusiveLock" => Blocked.ReadsAndWrites,
        "ShareLock" or "ShareRowExclusiveLock" or "ExclusiveLock" => Blocked.Writes,
        _ => Blocked.Nothing,
    };

    /// <summary>From the weakest to the strongest.</summary>
    public static int Strength(string mode) => Array.IndexOf(Modes, mode);
}
