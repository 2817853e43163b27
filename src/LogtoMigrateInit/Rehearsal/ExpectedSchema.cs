using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Target;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What the schema should be afterwards: after a deploy the target's own seed, after a rollback a backup of that level.</summary>
internal sealed class ExpectedSchema(TargetSchema target, FormerSchema former)
{
    /// <param name="job">What is done on the copy.</param>
    /// <param name="scratch">Where.</param>
    /// <param name="rights">Those of the user there.</param>
    /// <param name="programs">The newest tools.</param>
    /// <param name="roles">Logto's roles for the real database that exist.</param>
    /// <param name="earlier">Before a rollback, a backup that was made at the level to which it goes; null: there is none.</param>
    /// <param name="folder">See <see cref="TargetSchema.ReadAsync"/>.</param>
    /// <param name="seeded">See <see cref="TargetSchema.ReadAsync"/>.</param>
    /// <param name="held">Ends it.</param>
    /// <param name="stop">Leaves little time to drop a database.</param>
    /// <returns>Its objects, with the names that they would have in the real database; or null, and why that is not known.</returns>
    /// <exception cref="PostgresToolException">The seed failed.</exception>
    /// <exception cref="DatabaseException">The server refused us.</exception>
    public async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ReadAsync(
        CliJob job, ScratchServer scratch, ClusterRights rights, PostgresPrograms programs, IReadOnlyList<string> roles, string? earlier, FolderLock folder, Action seeded,
        CancellationToken held, CancellationToken stop) =>
        job.IsRollback
            ? earlier is null
                ? (null, "there is no backup of that level in LOGTO_INIT_BACKUP_DIR to compare it with")
                : await ReadFormerAsync(earlier, job.Database.Schema!, scratch, rights, programs, roles, held, stop)
            : rights.ServerVersion / 10000 != job.Database.ServerVersion / 10000
                ? (null, ScratchPlace.OtherMajor(rights.ServerVersion, job.Database.ServerVersion))
                : (await target.ReadAsync(scratch, job.Database, folder, seeded, held, stop), null);

    private async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ReadFormerAsync(
        string backup, string schema, ScratchServer scratch, ClusterRights rights, PostgresPrograms programs, IReadOnlyList<string> roles, CancellationToken held, CancellationToken stop)
    {
        try
        {
            return (await former.ReadAsync(backup, scratch, rights, programs, schema, roles, held, stop), null);
        }
        catch (Exception unusable) when (unusable is PostgresToolException or DatabaseException)
        {
            return (null, $"the backup {backup} of that level cannot be restored ({unusable.Message.TrimEnd('.')})"); // nothing but the comparison is lost
        }
    }
}
