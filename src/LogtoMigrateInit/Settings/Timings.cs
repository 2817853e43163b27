namespace LogtoMigrateInit.Settings;

/// <summary>The times of the migration lock and of the CLI's guard, as fixed fractions of the lease.</summary>
/// <param name="Lease">The time for which the server keeps the lock of a silent holder (<c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>).</param>
internal sealed record Timings(TimeSpan Lease)
{
    /// <summary>
    /// The number of unanswered heartbeats after which the lock counts as lost: two thirds of the lease. The program counts heartbeats
    /// instead of reading a clock, because a clock also runs while the process is suspended.
    /// </summary>
    public const int UnansweredBeats = 8;

    /// <summary>The longest wait for one step of the cleanup. After a signal, another deadline limits all steps together.</summary>
    public static readonly TimeSpan CleanUpStep = TimeSpan.FromSeconds(2);

    /// <summary>The pause between two heartbeats, to the server and to the CLI.</summary>
    public TimeSpan Beat => Lease / 12;

    /// <summary>The silence of this program after which a CLI ends itself, long before another replica can take the lock.</summary>
    public TimeSpan GuardSilence => Lease / 2;

    /// <summary>
    /// The suspension after which a CLI ends itself, when this program was suspended too. It is one lease minus one heartbeat, because the
    /// last heartbeat may be that old.
    /// </summary>
    public TimeSpan GuardSuspension => Lease - Beat;

    /// <summary>How long the server may not know a CLI's open connection before the connection counts as dead.</summary>
    public TimeSpan HalfOpen => Lease;
}
