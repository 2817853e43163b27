using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The database that a restore replaces. The restore holds its migration lock, so that no other run deploys meanwhile. A database that is
/// damaged or refuses connections does not prevent the restore.
/// </summary>
internal sealed class DatabaseToReplace : IAsyncDisposable
{
    private readonly LogtoDatabase _database;
    private MigrationLock? _lock;

    private DatabaseToReplace(LogtoDatabase database, MigrationLock? migrationLock, string? holder) =>
        (_database, _lock, LockHolder, Lost) = (database, migrationLock, holder, migrationLock?.Lost ?? CancellationToken.None);

    /// <summary>The session of another run that holds the migration lock; null: none.</summary>
    public string? LockHolder { get; }

    /// <summary>Canceled when the lock is lost, but not when <see cref="LeaveAsync"/> releases it.</summary>
    public CancellationToken Lost { get; }

    /// <summary>The server process of the lock's session; 0: none.</summary>
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

    /// <summary>Returns the rows that were added since a moment; null when they cannot be read.</summary>
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

    /// <summary>Releases the lock by closing its session, so that the database can be renamed.</summary>
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
