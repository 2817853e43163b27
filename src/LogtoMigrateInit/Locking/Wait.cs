using System.Diagnostics;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// What a replica waits for and since when: another replica's migration, up to the lock time-out since the lock was first found
/// taken; a server that takes no writes, up to the connect time-out since it was first found so. Each is said once, and again when it
/// changes.
/// </summary>
internal sealed class Wait(ProgramSettings settings, ILogger logger)
{
    private readonly Pace _pace = new();
    private readonly Backoff _backoff = new();
    private long? _lockHeldSince;
    private long? _readOnlySince;
    private string? _reported;

    /// <summary>The last poll found the lock taken.</summary>
    public bool IsForLock { get; private set; }

    /// <summary>Takes note of a poll.</summary>
    /// <returns>Null as long as the wait goes on.</returns>
    public Outcome? Over(Poll poll)
    {
        IsForLock = poll is Poll.LockHeld;
        switch (poll)
        {
            case Poll.LockHeld held:
                _readOnlySince = null;
                _lockHeldSince ??= Stopwatch.GetTimestamp();
                return OverForLock(held.Holder, Stopwatch.GetElapsedTime(_lockHeldSince.Value));

            case Poll.ReadOnly readOnly:
                _readOnlySince ??= Stopwatch.GetTimestamp();
                return OverForWritableServer(readOnly, Stopwatch.GetElapsedTime(_readOnlySince.Value));

            default:
                throw new UnreachableException();
        }
    }

    /// <summary>Many wait for a lock and must not starve its holder; a server that takes no writes is rare and short.</summary>
    public TimeSpan NextPause(Poll poll) => poll is Poll.LockHeld held && _lockHeldSince is { } since
        ? _pace.Next(Stopwatch.GetElapsedTime(since), held.Sessions)
        : _backoff.Next();

    private Outcome.LockTimedOut? OverForLock(ServerSession? holder, TimeSpan waited)
    {
        if (waited >= settings.LockTimeout)
        {
            return new Outcome.LockTimedOut(waited, holder?.ToString() ?? "a session that could not be seen");
        }

        if (holder is not null && _reported != $"{holder.Pid}")
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
            return new Outcome.ReadOnly(poll.PendingCount, poll.InRecovery, waited);
        }

        const string ReadOnly = "read-only";
        if (_reported != ReadOnly)
        {
            _reported = ReadOnly;
            logger.WaitingForWritableServer(
                poll.PendingCount, poll.InRecovery ? "in recovery" : "read-only", (settings.ConnectTimeout - waited).TotalSeconds);
        }

        return null;
    }
}
