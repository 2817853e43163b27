using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// Reads the schema of an older release. For that it restores the definitions of a backup into a scratch database, and drops it again.
/// </summary>
internal sealed class FormerSchema(ProgramSettings settings, DatabaseCopy copies)
{
    /// <param name="backup">The path of the backup.</param>
    /// <param name="whileLocked">When canceled, the work ends. The database is dropped anyway.</param>
    /// <param name="stop">When canceled, little time is left to drop the database.</param>
    /// <returns>The objects, with role names of the scratch database (see <see cref="SchemaDrift.WithRoles"/>).</returns>
    /// <exception cref="PostgresToolException">The backup cannot be restored.</exception>
    /// <exception cref="DatabaseException">The server refused the connection.</exception>
    public async Task<IReadOnlyList<SchemaObject>> ReadAsync(
        string backup, RehearsalPlan plan, ScratchTools tools, CancellationToken whileLocked, CancellationToken stop)
    {
        var schema = plan.Job.Database.Schema!;
        string? name = null;
        try
        {
            var grants = await copies.MakeEmptyAsync(tools, backup, CopyScope.Whole, made => name = made, whileLocked);
            await using var database = tools.Server.DatabaseAt(tools.Server.Target.Named(name!, schema));
            await using (var restored = await RestoredDatabase.OpenAsync(database, NullLogger.Instance, whileLocked))
            {
                await DatabaseCopy.GiveRightsAsync(
                    new CopiedRoles(settings.Main.Database, name!), restored, plan.Roles, grants, whileLocked);
            }

            return await database.WithWorkConnectionAsync(
                (connection, token) => SchemaObjects.ReadAsync(connection, schema, token), whileLocked);
        }
        finally
        {
            if (name is not null)
            {
                tools.Server.DropMeanwhile(name, stop);
            }
        }
    }
}
