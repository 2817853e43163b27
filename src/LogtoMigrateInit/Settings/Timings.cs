namespace LogtoMigrateInit.Settings;

/// <summary>Every time of the lock and of the CLI's guard, as fixed parts of the lease.</summary>
/// <param name="Lease">How long the server keeps the lock for a holder that is silent (<c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>).</param>
internal sealed record Timings(TimeSpan Lease)
{
    /// <summary>
    /// So many pauses without an answer mean that the lock is lost: two thirds of the lease. Counted, not read from a clock, because
    /// a process that stands still does not count.
    /// </summary>
    public const int UnansweredBeats = 8;

    /// <summary>How long one step of cleaning up may take, after which nobody waits for it; all that follows a signal has a deadline of its own.</summary>
    public static readonly TimeSpan CleanUpStep = TimeSpan.FromSeconds(2);

    /// <summary>The pause between two heartbeats, both the holder's to the server and the program's to its CLI.</summary>
    public TimeSpan Beat => Lease / 12;

    /// <summary>A CLI that hears nothing for so long ends itself, well before another replica can have the lock.</summary>
    public TimeSpan GuardSilence => Lease / 2;

    /// <summary>A CLI that was suspended for so long together with this program ends itself: one lease minus one heartbeat, because the last heartbeat may be that old.</summary>
    public TimeSpan GuardStandstill => Lease - Beat;

    /// <summary>A CLI with a connection that the server does not know for so long waits for an answer that never comes.</summary>
    public TimeSpan HalfOpen => Lease;
}
