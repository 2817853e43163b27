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
    /// <summary>A look for the holder reads <c>pg_locks</c>, which stops the server's whole lock table.</summary>
    private static readonly TimeSpan HolderInterval = TimeSpan.FromSeconds(10);

    private readonly Backoff _backoff = new();
    private long? _lockHeldSince;
    private long? _readOnlySince;
    private long? _holderSeen;
    private string? _reported;

    /// <summary>The last poll found the lock taken.</summary>
    public bool IsForLock { get; private set; }

    /// <summary>Whether the next poll is to find out who holds the lock: the first one, one in ten seconds, and the last one.</summary>
    public bool NeedsHolder =>
        _holderSeen is not { } seen || Stopwatch.GetElapsedTime(seen) >= HolderInterval || WaitedForLock >= settings.LockTimeout;

    /// <summary>How long the lock has been found taken; zero before that.</summary>
    public TimeSpan WaitedForLock => _lockHeldSince is { } since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

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
                return OverForLock(held, WaitedForLock);

            case Poll.ReadOnly readOnly:
                _readOnlySince ??= Stopwatch.GetTimestamp();
                return OverForWritableServer(readOnly, Stopwatch.GetElapsedTime(_readOnlySince.Value));

            default:
                throw new UnreachableException();
        }
    }

    /// <summary>The pause before the next poll of a server that takes no writes.</summary>
    public TimeSpan NextPauseForWritableServer() => _backoff.Next();

    private Outcome.LockTimedOut? OverForLock(Poll.LockHeld held, TimeSpan waited)
    {
        if (!held.HasLooked)
        {
            return null; // the last line names the holder, so the last poll looks for it
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
