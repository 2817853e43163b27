namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The statements of other sessions that a lock on a table blocks (https://www.postgresql.org/docs/current/explicit-locking.html).
/// </summary>
internal enum Blocked
{
    /// <summary>No statement that Logto runs.</summary>
    Nothing = 0,

    /// <summary>Inserts, updates and deletes.</summary>
    Writes = 1,

    ReadsAndWrites = 2,
}

/// <summary>The strongest lock on a table or view that existed before the alteration.</summary>
/// <param name="Table">The name of the table before the alteration.</param>
/// <param name="Mode">The mode in <c>pg_locks</c>.</param>
internal sealed record TableLock(string Table, string Mode)
{
    /// <summary>The name of the table in the real database; null when an earlier alteration created it.</summary>
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

    /// <summary>Returns a number that increases from the weakest to the strongest mode.</summary>
    public static int Strength(string mode) => Array.IndexOf(Modes, mode);
}
