using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.PostgresTools;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What an older release left: the definitions of a backup that was made at its level, in a scratch database, which is dropped again.</summary>
internal sealed class FormerSchema(GateOptions options, DatabaseCopy copies, ILogger logger)
{
    /// <param name="backup">Which.</param>
    /// <param name="scratch">Where.</param>
    /// <param name="rights">Those of the user there.</param>
    /// <param name="programs">The newest tools.</param>
    /// <param name="schema">Logto's.</param>
    /// <param name="roles">Logto's roles for the real database that exist.</param>
    /// <param name="held">Ends it.</param>
    /// <param name="stop">Leaves little time to drop the database.</param>
    /// <returns>Its objects, with the names that they would have in the real database.</returns>
    /// <exception cref="PostgresToolException">It cannot be restored.</exception>
    /// <exception cref="DatabaseException">The server refused us.</exception>
    public async Task<IReadOnlyList<SchemaObject>> ReadAsync(
        string backup, ScratchServer scratch, ClusterRights rights, PostgresPrograms programs, string schema, IReadOnlyList<string> roles, CancellationToken held, CancellationToken stop)
    {
        string? name = null;
        try
        {
            var grants = await copies.MakeEmptyAsync(scratch, rights, programs, backup, made => name = made, held);
            await using var database = new LogtoDatabase(scratch.Server.Options.ForDatabase(name!, schema), logger);
            await using (var restored = await RestoredDatabase.OpenAsync(database, NullLogger.Instance, held))
            {
                await DatabaseCopy.GiveRightsAsync(new CopiedRoles(options.Database, name!), restored, roles, grants, held);
            }

            return Drift.Normalise(await database.WithConnectionAsync((connection, token) => SchemaObjects.ReadAsync(connection, schema, token), held), name!, options.Database);
        }
        finally
        {
            if (name is not null)
            {
                scratch.DropMeanwhile(name, stop);
            }
        }
    }
}
