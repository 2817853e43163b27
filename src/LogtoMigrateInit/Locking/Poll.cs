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

    /// <summary>There is no work, or it is impossible.</summary>
    public sealed record Settled(Inspections.Inspection Inspection, Outcome Outcome) : Poll;

    /// <summary>The work needs the lock, and this run now holds it.</summary>
    public sealed record LockTaken(MigrationLock Lock) : Poll;

    /// <summary>Another session holds the lock.</summary>
    /// <param name="Holder">
    /// Null when the poll did not look for it, or did not find it, for example because it just released the lock.
    /// </param>
    /// <param name="HasSearched">Whether the poll looked for the holder.</param>
    public sealed record LockHeld(ServerSession? Holder, bool HasSearched) : Poll;

    /// <summary>The work writes, but the server does not accept writes now.</summary>
    /// <param name="InRecovery">Whether the server is a standby; otherwise its transactions are read-only.</param>
    public sealed record ReadOnly(bool InRecovery) : Poll;
}
