using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The connection that a waiting replica keeps between its polls. Nearly all of the cost of a poll is the new connection: a server
/// process, password hashes on both sides, a cold catalog. It is kept only while the server has room for it, and never behind a
/// pooler, where it would take a server connection of a pool whose size nobody can see.
/// </summary>
internal sealed class WaitingConnection(LogtoDatabase database) : IAsyncDisposable
{
    /// <summary>After this time a new connection follows a failover by DNS and a changed password.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan KeptPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private NpgsqlConnection? _kept;
    private long _openedAt;
    private int _keptPolls;

    /// <summary>Returns the kept connection when it still works, or a new one. The caller owns it, and may give it back.</summary>
    /// <exception cref="DatabaseException">A new connection failed.</exception>
    public async Task<NpgsqlConnection> TakeAsync(CancellationToken cancellationToken)
    {
        if (_kept is { } kept)
        {
            _kept = null;
            if (Stopwatch.GetElapsedTime(_openedAt) < Renewal && await IsUsableAsync(kept, cancellationToken))
            {
                return kept;
            }

            await LogtoDatabase.CloseAsync(kept);
        }

        var opened = await database.OpenAsync(cancellationToken);
        (_openedAt, _keptPolls) = (Stopwatch.GetTimestamp(), 0);
        return opened;
    }

    /// <summary>Keeps the connection that <see cref="TakeAsync"/> returned, or closes it where there is no room.</summary>
    /// <param name="connection">Outside of any transaction.</param>
    public async Task KeepOrCloseAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // The crowd comes in the first seconds. Later a look for room every ten polls is enough.
        var isLookDue = _keptPolls < 10 || _keptPolls % 10 == 0;
        _keptPolls++;
        try
        {
            if (!isLookDue || await RoomQuery.HasRoomAsync(connection, cancellationToken))
            {
                _kept = connection;
            }
        }
        finally
        {
            if (_kept is null)
            {
                await LogtoDatabase.CloseAsync(connection);
            }
        }
    }

    /// <summary>Returns the pause before the next poll.</summary>
    /// <param name="waited">How long this replica has waited so far.</param>
    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It spreads polls; nobody gains by a guess.")]
    public TimeSpan NextPause(TimeSpan waited) => PauseAfter(waited, _kept is not null, Random.Shared.NextDouble());

    /// <summary>A kept connection polls about once a second. A new one costs more, so its pause grows with the time waited.</summary>
    /// <param name="waited">How long this replica has waited so far.</param>
    /// <param name="isKept">Whether the connection is kept.</param>
    /// <param name="chance">From 0 to 1: spreads the polls of replicas that started together.</param>
    internal static TimeSpan PauseAfter(TimeSpan waited, bool isKept, double chance)
    {
        var pause = isKept ? KeptPause : TimeSpan.FromTicks(Math.Clamp((waited / 2).Ticks, KeptPause.Ticks, LongestPause.Ticks));
        return pause * (1 - (0.3 * chance));
    }

    public async ValueTask DisposeAsync()
    {
        if (_kept is { } kept)
        {
            _kept = null;
            await LogtoDatabase.CloseAsync(kept);
        }
    }

    /// <summary>False when the connection is lost, the server does not answer, or it has become a standby.</summary>
    private static async Task<bool> IsUsableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            return !await LockQueries.IsInRecoveryAsync(connection, cancellationToken);
        }
        catch (Exception lost) when (lost is not OperationCanceledException && DatabaseException.From(lost) is not null)
        {
            return false; // its reason does not matter: a new connection follows
        }
    }
}
