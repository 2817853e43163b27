using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Drift;

/// <summary>Reads the schema that the target's seed creates in a scratch database, and drops that database.</summary>
internal sealed class TargetSchema(ScratchCli cli)
{
    private const string Home = "public"; // the only schema that Logto's seed uses

    /// <param name="inspection">The inspection of the real database.</param>
    /// <param name="folder">The lock of the CLI's folder. Another CLI of this run may share it, but must wait for the seed.</param>
    /// <param name="seeded">Called when the CLI has ended successfully.</param>
    /// <param name="whileLocked">When canceled, the work ends. The database is dropped anyway.</param>
    /// <param name="stop">When canceled, little time is left to drop the database.</param>
    /// <returns>The objects, with role names of the scratch database (see <see cref="SchemaDrift.WithRoles"/>).</returns>
    /// <exception cref="PostgresToolException">The seed failed.</exception>
    /// <exception cref="DatabaseException">The server refused the connection.</exception>
    public async Task<IReadOnlyList<SchemaObject>> ReadAsync(
        ScratchServer scratch,
        Inspection inspection,
        FolderLock folder,
        Action? seeded,
        CancellationToken whileLocked,
        CancellationToken stop)
    {
        var name = await scratch.CreateAsync("with template = template0 encoding = 'UTF8'", whileLocked);
        try
        {
            var target = scratch.Target.Named(name, Home);
            var run = await cli.RunAsync(target, CliJob.Seed([], inspection), folder, whileLocked);
            if (run.ExitCode != 0)
            {
                throw new PostgresToolException(run.End == CliEnd.ByItself
                    ? $"Logto's own seed failed in a scratch database, with which the schema would be compared: {run.Reason}. " +
                      $"Next: {run.Remedy}, and start again"
                    : "Logto's own seed did not end in a scratch database, with which the schema would be compared; start again");
            }

            seeded?.Invoke();
            await using var database = scratch.DatabaseAt(target);
            return await database.WithWorkConnectionAsync(
                (connection, token) => SchemaObjects.ReadAsync(connection, Home, token), whileLocked);
        }
        finally
        {
            scratch.DropMeanwhile(name, stop);
        }
    }
}
