using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>Creates a database, as Logto's CLI does for a missing one.</summary>
internal static class DatabaseCreation
{
    /// <summary>The database in which the CLI creates a missing one (<c>packages/cli/src/database.ts</c>).</summary>
    public const string MaintenanceDatabase = "postgres";

    /// <summary>Creates it; a replica that was faster is as good.</summary>
    /// <returns>Whether we did.</returns>
    /// <exception cref="DatabaseException">The server refused, or was not reached in time.</exception>
    public static Task<bool> CreateAsync(LogtoDatabase database, string name, CancellationToken cancellationToken) => database.WithConnectionAsync(
        MaintenanceDatabase,
        async (connection, token) =>
        {
            await using var command = new NpgsqlCommand($"create database {SqlNames.Quote(name)} with encoding = 'UTF8'", connection) { CommandTimeout = 0 };
            try
            {
                await command.ExecuteNonQueryAsync(token);
                return true;
            }
            catch (PostgresException exists) when (exists.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
            {
                // Another replica was faster; the second error means that it is at it just now.
                return false;
            }
        },
        cancellationToken);
}
