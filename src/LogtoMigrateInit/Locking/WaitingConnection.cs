using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.PostgreSql;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The connection that a waiting replica keeps between its polls. Reason: a new connection is nearly the whole cost of a poll (a server
/// process, password hashes on both sides, a cold catalog). It is kept only while the server has room. It is never kept behind a pooler,
/// where it would occupy a connection of a pool of unknown size.
/// </summary>
internal sealed class WaitingConnection(LogtoDatabase database) : IAsyncDisposable
{
    /// <summary>The age at which the connection is replaced. A new one notices a failover by DNS and a changed password.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan KeptPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private NpgsqlConnection? _kept;
    private long _openedAt;
    private int _keptPolls;

    /// <summary>Returns the kept connection if it still works, or a new one. The caller owns it.</summary>
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

    /// <summary>Takes back the connection that <see cref="TakeAsync"/> returned. Keeps it if the server has room, or closes it.</summary>
    /// <param name="connection">A connection outside a transaction.</param>
    public async Task KeepOrCloseAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Most replicas arrive in the first seconds. Later a check for room at every tenth poll is enough.
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
    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It spreads polls; nobody gains by a guess.")]
    public TimeSpan NextPause(TimeSpan waited) => PauseAfter(waited, _kept is not null, Random.Shared.NextDouble());

    /// <summary>
    /// Returns about one second for a kept connection. A new connection costs more, so its pause is half of the time waited, up to a
    /// minute.
    /// </summary>
    /// <param name="waited">How long this replica has waited so far.</param>
    /// <param name="chance">A random number from 0 to 1. It spreads the polls of replicas that started together.</param>
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

    /// <summary>Returns false when the connection is lost, the server does not answer, or it has become a standby.</summary>
    private static async Task<bool> IsUsableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            return !await LockQueries.IsInRecoveryAsync(connection, cancellationToken);
        }
        catch (Exception lost) when (lost is not OperationCanceledException && DatabaseException.From(lost) is not null)
        {
            return false; // the reason does not matter, because a new connection follows
        }
    }
}
