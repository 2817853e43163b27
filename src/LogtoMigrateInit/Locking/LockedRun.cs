namespace LogtoMigrateInit.Locking;

/// <summary>One run that holds the migration lock, and the facts that its outcome reports.</summary>
/// <param name="migrationLock">Held.</param>
/// <param name="whileLocked">Cancelled when the lock is lost, or by a signal.</param>
internal sealed class LockedRun(MigrationLock migrationLock, CancellationToken whileLocked, CancellationToken stop)
{
    public MigrationLock Lock => migrationLock;

    public CancellationToken WhileLocked => whileLocked;

    public CancellationToken Stop => stop;

    /// <summary>The command that restores the backup of this run; null when there is none. Every failure shows it.</summary>
    public string? RestoreCommand { get; set; }

    /// <summary>Logto's CLI has been started in the real database.</summary>
    public bool HasBegun { get; set; }

    /// <summary>How many alterations Logto's CLI was to deploy or revert when it was first started.</summary>
    public int Planned { get; set; }

    /// <summary>How many alterations Logto's CLI has reported as done in this run.</summary>
    public int Reported { get; set; }
}
