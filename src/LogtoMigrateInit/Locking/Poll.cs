using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The result of one poll before the lock. The cases: <see cref="Settled"/>, <see cref="LockTaken"/>, <see cref="LockHeld"/>, <see
/// cref="ReadOnly"/>.
/// </summary>
internal abstract record Poll
{
    private Poll()
    {
    }

    /// <summary>The work needs no lock, or cannot be done.</summary>
    public sealed record Settled(Inspections.Inspection Inspection, Outcome Outcome) : Poll;

    /// <summary>The work needs the lock, and we hold it.</summary>
    public sealed record LockTaken(MigrationLock Lock) : Poll;

    /// <summary>Another session holds the lock.</summary>
    /// <param name="Holder">Null without a look, or when the session could not be seen: it released the lock in this moment.</param>
    /// <param name="HasLooked">Whether the poll has looked for the holder.</param>
    public sealed record LockHeld(ServerSession? Holder, bool HasLooked) : Poll;

    /// <summary>The work writes, and the server takes no writes now.</summary>
    /// <param name="InRecovery">It is a standby; otherwise it is read-only.</param>
    public sealed record ReadOnly(bool InRecovery) : Poll;
}
