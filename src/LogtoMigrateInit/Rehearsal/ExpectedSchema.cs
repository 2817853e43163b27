using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Scratch;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Reads the schema that a rehearsal expects: for a deploy that of the target's seed, for a rollback that of a backup.</summary>
internal sealed class ExpectedSchema(TargetSchema target, FormerSchema former)
{
    /// <param name="folder">The folder's lock (<see cref="TargetSchema.ReadAsync"/>).</param>
    /// <param name="seeded">Called when the seed is done (<see cref="TargetSchema.ReadAsync"/>).</param>
    /// <param name="whileLocked">When canceled, the work ends. The database is dropped anyway.</param>
    /// <param name="stop">When canceled, little time is left to drop the database.</param>
    /// <returns>The objects, with role names of the scratch database; or null and a reason.</returns>
    /// <exception cref="PostgresToolException">The seed failed.</exception>
    /// <exception cref="DatabaseException">The server refused the connection.</exception>
    public async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ReadAsync(
        RehearsalPlan plan, ScratchTools tools, FolderLock folder, Action seeded, CancellationToken whileLocked, CancellationToken stop)
    {
        if (plan.Job.IsRollback)
        {
            return plan.Earlier is { } backup
                ? await ReadFormerAsync(backup, plan, tools, whileLocked, stop)
                : (null, "there is no backup of that level in LOGTO_INIT_BACKUP_DIR to compare it with");
        }

        var real = plan.Job.Database.ServerVersion;
        return tools.Rights.ServerVersion / 10000 == real / 10000
            ? (await target.ReadAsync(tools.Server, plan.Job.Database, folder, seeded, whileLocked, stop), null)
            : (null, ScratchPlace.OtherMajor(tools.Rights.ServerVersion, real));
    }

    private async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ReadFormerAsync(
        string backup, RehearsalPlan plan, ScratchTools tools, CancellationToken whileLocked, CancellationToken stop)
    {
        try
        {
            return (await former.ReadAsync(backup, plan, tools, whileLocked, stop), null);
        }
        catch (Exception unusable) when (unusable is PostgresToolException or DatabaseException)
        {
            // The rehearsal continues without the comparison.
            return (null, $"the backup {backup} of that level cannot be restored ({unusable.Message.TrimEnd('.')})");
        }
    }
}
