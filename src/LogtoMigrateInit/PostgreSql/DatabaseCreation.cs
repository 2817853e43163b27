using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>Creates a database, as Logto's CLI does for a missing one.</summary>
internal static class DatabaseCreation
{
    /// <summary>The database in which the CLI creates a missing one (<c>packages/cli/src/database.ts</c>).</summary>
    public const string MaintenanceDatabase = "postgres";

    /// <summary>Creates the database, unless another replica does.</summary>
    /// <returns>Whether this run created it.</returns>
    /// <exception cref="DatabaseException">The server refused, or was not reached in time.</exception>
    public static Task<bool> CreateAsync(
        LogtoDatabase database, string name, CancellationToken cancellationToken) => database.WithWorkConnectionAsync(
        MaintenanceDatabase,
        async (connection, token) =>
        {
            var sql = $"create database {SqlNames.Quote(name)} with encoding = 'UTF8'";
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            try
            {
                await command.ExecuteNonQueryAsync(token);
                return true;
            }
            catch (PostgresException exists)
                when (exists.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
            {
                // Another replica was faster. The second error means that it is still creating the database.
                return false;
            }
        },
        cancellationToken);
}
