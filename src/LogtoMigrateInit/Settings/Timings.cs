namespace LogtoMigrateInit.Settings;

/// <summary>The times of the lock and of the CLI's guard, as fixed parts of the lease.</summary>
/// <param name="Lease">How long the server keeps the lock for a silent holder (<c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>).</param>
internal sealed record Timings(TimeSpan Lease)
{
    /// <summary>
    /// The number of heartbeats without an answer after which the lock counts as lost: two thirds of the lease. The program counts them,
    /// because a clock also runs while the process is suspended.
    /// </summary>
    public const int UnansweredBeats = 8;

    /// <summary>The longest wait for one step of the cleanup. All steps after a signal have another deadline together.</summary>
    public static readonly TimeSpan CleanUpStep = TimeSpan.FromSeconds(2);

    /// <summary>The pause between two heartbeats, both to the server and to the CLI.</summary>
    public TimeSpan Beat => Lease / 12;

    /// <summary>The silence after which a CLI ends itself, long before another replica can take the lock.</summary>
    public TimeSpan GuardSilence => Lease / 2;

    /// <summary>
    /// The suspension after which a CLI ends itself, when this program was suspended too: one lease minus one heartbeat, because the last
    /// heartbeat may be that old.
    /// </summary>
    public TimeSpan GuardStandstill => Lease - Beat;

    /// <summary>The time for which the server does not know a CLI's open connection, after which no answer will come.</summary>
    public TimeSpan HalfOpen => Lease;
}
