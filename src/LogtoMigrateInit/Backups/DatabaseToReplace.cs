using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The database that a restore replaces. We hold its migration lock, so that no other run deploys meanwhile. A damaged database, or one
/// that accepts no connections, does not prevent the restore.
/// </summary>
internal sealed class DatabaseToReplace : IAsyncDisposable
{
    private readonly LogtoDatabase _database;
    private MigrationLock? _lock;

    private DatabaseToReplace(LogtoDatabase database, MigrationLock? migrationLock, string? holder) =>
        (_database, _lock, LockHolder, Lost) = (database, migrationLock, holder, migrationLock?.Lost ?? CancellationToken.None);

    /// <summary>The session that holds the migration lock instead of us; null: none.</summary>
    public string? LockHolder { get; }

    /// <summary>Cancelled when the lock is lost, but not when we give it up.</summary>
    public CancellationToken Lost { get; }

    /// <summary>The server process of our own session there; 0: we have none.</summary>
    public int Pid => _lock?.Pid ?? 0;

    /// <exception cref="DatabaseException">The server was not reached in time.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The lock goes to the caller.")]
    public static async Task<DatabaseToReplace> OpenAsync(
        DirectServer server, Timings timings, ILogger logger, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection;
        try
        {
            connection = await server.Database.RetryAsync(server.Database.OpenAsync, cancellationToken);
        }
        catch (DatabaseException closed) when (closed.Failure != DatabaseFailure.NotYet)
        {
            return new DatabaseToReplace(server.Database, null, null);
        }

        var holder = "a session that could not be seen";
        try
        {
            if (await MigrationLock.TryTakeAsync(connection, timings, logger, cancellationToken) is { } migrationLock)
            {
                return new DatabaseToReplace(server.Database, migrationLock, null);
            }

            holder = (await LockQueries.FindHolderAsync(connection, cancellationToken))?.ToString() ?? holder;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        await connection.DisposeAsync();
        return new DatabaseToReplace(server.Database, null, holder);
    }

    /// <summary>The rows that it has gained since a moment; null: it has no such tables.</summary>
    public async Task<NewerRows?> ReadNewerAsync(DateTime moment, CancellationToken cancellationToken)
    {
        try
        {
            return await _database.WithConnectionAsync(
                (connection, token) => NewerRows.ReadAsync(connection, moment, token), cancellationToken);
        }
        catch (DatabaseException closed) when (closed.Failure != DatabaseFailure.NotYet)
        {
            return null;
        }
    }

    /// <summary>Closes our session there.</summary>
    public async Task LeaveAsync()
    {
        if (_lock is { } held)
        {
            _lock = null;
            await held.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await LeaveAsync();
}
