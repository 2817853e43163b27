using System.Globalization;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>
/// The right to migrate, held by at most one replica: a transaction-level advisory lock on a connection of its own.
/// A transaction-level lock works through PgBouncer in transaction mode and vanishes with its client. It is a lease:
/// while we beat, the server keeps it; when this machine vanishes, the server's idle time-out ends it.
/// </summary>
/// <remarks>
/// An operator finds the holder with <c>select pid from pg_locks where locktype = 'advisory' and granted</c> and can end it with
/// <c>select pg_terminate_backend(pid)</c>.
/// </remarks>
internal sealed class MigrationLock : IAsyncDisposable
{
    /// <summary>
    /// The first eight bytes of SHA-256("logto-migrate-init"), read as a big-endian signed integer. The same for every version of
    /// this program, for ever; advisory locks are per database already.
    /// </summary>
    public const long Key = -4823972487516092882;

    private const string Lease = "set local idle_in_transaction_session_timeout = '60s'";

    private static readonly TimeSpan BeatInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BeatTimeout = TimeSpan.FromSeconds(10);

    private readonly NpgsqlConnection _connection;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _released = new();
    private readonly Task _beating;

    private MigrationLock(NpgsqlConnection connection, ILogger logger)
    {
        _connection = connection;
        _logger = logger;
        _beating = BeatAsync();
    }

    /// <summary>Cancelled when the lock is no longer ours for certain: somebody else may be migrating.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Tries once; never waits in the server, where a waiter's snapshot would block Logto's index builds for ever.</summary>
    /// <returns>Null when another session holds the lock. Otherwise the lock owns the connection.</returns>
    public static async Task<MigrationLock?> TryTakeAsync(NpgsqlConnection connection, ILogger logger, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("begin isolation level read committed"), new(Lease) } };
        if (connection.PostgreSqlVersion.Major >= 17)
        {
            batch.BatchCommands.Add(new("set local transaction_timeout = 0"));
        }

        batch.BatchCommands.Add(new(string.Create(CultureInfo.InvariantCulture, $"select pg_try_advisory_xact_lock({Key})")));

        // Npgsql's unnamed portal keeps the snapshot of the last SELECT alive, and `create index concurrently` would wait for it for
        // ever; a utility statement replaces the portal.
        batch.BatchCommands.Add(new(Lease));
        var taken = (bool)(await batch.ExecuteScalarAsync(cancellationToken))!;
        return taken ? new MigrationLock(connection, logger) : null;
    }

    /// <summary>Releases the lock by closing its connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _beating;
        await LogtoDatabase.CloseAsync(_connection); // where the server does not hear of it, the lease ends it

        _lost.Dispose();
        _released.Dispose();
    }

    private async Task BeatAsync()
    {
        while (true)
        {
            try
            {
                await Task.Delay(BeatInterval, _released.Token);
                await ExecuteAsync(_connection, Lease, CancellationToken.None).WaitAsync(BeatTimeout, _released.Token);
            }
            catch (OperationCanceledException) when (_released.IsCancellationRequested)
            {
                return;
            }
            catch (Exception broken) when (broken is TimeoutException || DatabaseException.From(broken) is not null)
            {
                _logger.LockLost(broken.Message);
                await _lost.CancelAsync();
                return;
            }
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
