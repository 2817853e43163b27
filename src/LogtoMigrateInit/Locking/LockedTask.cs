using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// A command's work under the migration lock: when no work is needed, the work itself, and the outcomes of its failures.
/// <see cref="LockedWork"/> runs it.
/// </summary>
internal sealed record LockedTask
{
    /// <summary>Returns the outcome if the verdict needs no work, or if the work is impossible; null if the work needs the lock.</summary>
    public required Func<Verdict, Outcome?> Settle { get; init; }

    /// <summary>The work. Its survey was read under the lock, after the sessions of all other runs had ended.</summary>
    public required Func<LockedRun, Survey.Clear, Task<Outcome>> Work { get; init; }

    /// <summary>Returns the outcome when the lock is lost during the work.</summary>
    public required Func<LockedRun, Task<Outcome>> LockLost { get; init; }

    /// <summary>
    /// Returns the outcome when the database cannot be used after <see cref="LockedRun.HasBegun"/>. Null: the usual outcome of such a
    /// failure.
    /// </summary>
    public Func<LockedRun, DatabaseException, Outcome>? Unverified { get; init; }

    /// <summary>Whether the work needs a server that accepts writes.</summary>
    public bool Writes { get; init; }

    /// <summary>
    /// Creates a missing database. Its result is null when the database now exists. Null: a missing database is an error.
    /// </summary>
    public Func<CancellationToken, Task<Outcome?>>? CreateDatabase { get; init; }
}
