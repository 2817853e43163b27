namespace LogtoMigrateInit.Locking;

/// <summary>A run that holds the migration lock, and the facts that its outcome reports.</summary>
/// <param name="whileLocked">Canceled when the lock is lost, or by a signal.</param>
/// <param name="stop">Canceled by a signal.</param>
internal sealed class LockedRun(MigrationLock migrationLock, CancellationToken whileLocked, CancellationToken stop)
{
    public MigrationLock Lock => migrationLock;

    public CancellationToken WhileLocked => whileLocked;

    public CancellationToken Stop => stop;

    /// <summary>
    /// The command that restores the backup of this run; null without a backup. Failures show it once <see cref="HasBegun"/>.
    /// </summary>
    public string? RestoreCommand { get; set; }

    /// <summary>
    /// Whether Logto's CLI, or the SQL of a repair, was started on the real database. Left-over indexes may be dropped before.
    /// </summary>
    public bool HasBegun { get; set; }

    /// <summary>The number of alterations to deploy or revert at the first start of Logto's CLI.</summary>
    public int Planned { get; set; }

    /// <summary>The number of alterations that Logto's CLI has reported as done in this run.</summary>
    public int Reported { get; set; }
}
