using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// What one connection found. The cases: <see cref="Settled"/>, <see cref="LockTaken"/>, <see cref="LockHeld"/>, <see cref="ReadOnly"/>.
/// </summary>
internal abstract record Look
{
    private Look()
    {
    }

    /// <summary>There is nothing to deploy or to seed, or nothing can be done about it.</summary>
    public sealed record Settled(Inspection Inspection, Outcome Outcome) : Look;

    /// <summary>There is, and the right to do it is ours.</summary>
    public sealed record LockTaken(MigrationLock Lock) : Look;

    /// <summary>Another session has that right.</summary>
    /// <param name="Holder">Null when it could not be seen: it gave the lock back just now.</param>
    /// <param name="Sessions">How many sessions the database has had; null when the server does not count them.</param>
    public sealed record LockHeld(ServerSession? Holder, long? Sessions) : Look;

    /// <summary>There is something to do on a server that takes no writes now.</summary>
    public sealed record ReadOnly(bool InRecovery, int PendingCount) : Look;
}
