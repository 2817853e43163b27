using System.Diagnostics;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Tracks what a replica waits for, and logs each change. It waits for another replica's migration for at most the lock time-out, and for a
/// server that accepts writes for at most the connect time-out. Each time-out counts from the first poll that found the obstacle.
/// </summary>
internal sealed class Wait(ProgramSettings settings, ILogger logger)
{
    /// <summary>
    /// The least pause between two searches for the holder. A search reads <c>pg_locks</c>, which stops the server's lock table.
    /// </summary>
    private static readonly TimeSpan HolderInterval = TimeSpan.FromSeconds(10);

    private readonly Backoff _backoff = new();
    private long? _lockHeldSince;
    private long? _readOnlySince;
    private long? _holderSeen;
    private string? _reported;

    /// <summary>Whether the last poll found the lock taken.</summary>
    public bool IsForLock { get; private set; }

    /// <summary>Whether the next poll must search for the holder of the lock: the first poll, one in ten seconds, and the last.</summary>
    public bool NeedsHolder =>
        _holderSeen is not { } seen || Stopwatch.GetElapsedTime(seen) >= HolderInterval || WaitedForLock >= settings.LockTimeout;

    /// <summary>The time since a poll first found the lock taken; zero before that.</summary>
    public TimeSpan WaitedForLock => _lockHeldSince is { } since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Records a poll, and returns the outcome when the wait has timed out.</summary>
    /// <returns>Null while the wait continues.</returns>
    public Outcome? Over(Poll poll)
    {
        IsForLock = poll is Poll.LockHeld;
        switch (poll)
        {
            case Poll.LockHeld held:
                _readOnlySince = null;
                _lockHeldSince ??= Stopwatch.GetTimestamp();
                return OverForLock(held, WaitedForLock);

            case Poll.ReadOnly readOnly:
                _readOnlySince ??= Stopwatch.GetTimestamp();
                return OverForWritableServer(readOnly, Stopwatch.GetElapsedTime(_readOnlySince.Value));

            default:
                throw new UnreachableException();
        }
    }

    /// <summary>Returns the pause before the next poll of a server that does not accept writes.</summary>
    public TimeSpan NextPauseForWritableServer() => _backoff.Next();

    private Outcome.LockTimedOut? OverForLock(Poll.LockHeld held, TimeSpan waited)
    {
        if (!held.HasSearched)
        {
            return null; // the final message names the holder, so the wait ends only with a poll that searched for it
        }

        _holderSeen = Stopwatch.GetTimestamp();
        if (waited >= settings.LockTimeout)
        {
            return new Outcome.LockTimedOut(
                waited, held.Holder?.ToString() ?? "a session that the program could not see", held.Holder?.Pid);
        }

        if (held.Holder is { } holder && _reported != $"{holder.Pid}")
        {
            _reported = $"{holder.Pid}";
            logger.WaitingForLock($"{holder}");
        }

        return null;
    }

    private Outcome.ReadOnly? OverForWritableServer(Poll.ReadOnly poll, TimeSpan waited)
    {
        if (waited >= settings.ConnectTimeout)
        {
            return new Outcome.ReadOnly(poll.InRecovery, waited);
        }

        const string ReadOnly = "read-only";
        if (_reported != ReadOnly)
        {
            _reported = ReadOnly;
            logger.WaitingForWritableServer(
                poll.InRecovery ? "in recovery (a standby)" : "read-only", (settings.ConnectTimeout - waited).TotalSeconds);
        }

        return null;
    }
}
