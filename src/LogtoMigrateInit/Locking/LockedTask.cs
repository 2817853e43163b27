using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Locking;

/// <summary>Work that at most one run does at a time in a database. <see cref="LockedWork"/> runs it.</summary>
internal sealed record LockedTask
{
    /// <summary>
    /// Returns the outcome when a verdict needs no lock, or when nothing can be done about it; null when the lock is needed.
    /// </summary>
    public required Func<Verdict, Outcome?> Settle { get; init; }

    /// <summary>The work. It gets what the database shows under the lock, after all other runs have ended.</summary>
    public required Func<LockedRun, Survey.Clear, Task<Outcome>> Work { get; init; }

    /// <summary>The outcome when the lock is lost while the work is not done.</summary>
    public required Func<LockedRun, Task<Outcome>> LockLost { get; init; }

    /// <summary>
    /// The outcome when the database cannot be reached after Logto's CLI has begun; null: that of an unreachable database.
    /// </summary>
    public Func<LockedRun, DatabaseException, Outcome>? Unverified { get; init; }

    /// <summary>Whether a server that takes no writes is of no use.</summary>
    public bool Writes { get; init; }

    /// <summary>Creates a database that does not exist. Returns null when it exists now; null: a missing database is an error.</summary>
    public Func<CancellationToken, Task<Outcome?>>? CreateDatabase { get; init; }
}
