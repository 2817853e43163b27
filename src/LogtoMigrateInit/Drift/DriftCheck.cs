using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Drift;

/// <summary>The result of a comparison. The cases: <see cref="Compared"/>, <see cref="Impossible"/>.</summary>
internal abstract record DriftResult
{
    private DriftResult()
    {
    }

    public sealed record Compared(DriftReport Report) : DriftResult;

    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Impossible(string Reason) : DriftResult;
}

/// <summary>
/// Compares the real schema with the one that the target's seed creates in a scratch database. It only reads the real database.
/// </summary>
internal sealed class DriftCheck(
    ProgramSettings settings, LogtoDatabase database, ScratchPlace place, ScratchCli cli, TargetSchema target, ILogger logger)
{
    /// <summary>Returns the name of the parent role, which the comparison expects to have the rights on Logto's tables.</summary>
    /// <exception cref="DatabaseException">The real database was not reached.</exception>
    public async Task<string> ReadParentAsync(CancellationToken stop)
    {
        var (_, found, roles) = await ReadAsync(stop);
        return SqlNames.Unquote(ParentOf(found, roles));
    }

    /// <exception cref="DatabaseException">The real database was not reached.</exception>
    public async Task<DriftResult> RunAsync(CancellationToken stop)
    {
        var (inspection, found, roles) = await ReadAsync(stop);
        return await place.UseAsync<DriftResult>(
            async (scratch, rights) =>
            {
                if (rights.ServerVersion / 10000 != inspection.ServerVersion / 10000)
                {
                    return new DriftResult.Impossible(ScratchPlace.OtherMajor(rights.ServerVersion, inspection.ServerVersion));
                }

                using var folder = await cli.TakeFolderAsync(stop);
                if (folder is null)
                {
                    return new DriftResult.Impossible(cli.WhyFolderBusy);
                }

                logger.ComparingSchema();
                var seed = await target.ReadAsync(scratch, inspection, folder, seeded: null, stop, stop);
                var expected = SchemaDrift.WithRoles(seed, ParentOf(found, roles));
                return new DriftResult.Compared(SchemaDrift.Compare(
                    [.. expected, .. roles.Objects.Select(TenantRoles.AsExpected)], [.. found, .. roles.Objects]));
            },
            reason => new DriftResult.Impossible(reason),
            stop);
    }

    private string ParentOf(IReadOnlyList<SchemaObject> found, TenantRoles roles) =>
        roles.Parent ?? SchemaDrift.ParentRole(found, settings.Main.Database);

    private Task<(Inspection Inspection, IReadOnlyList<SchemaObject> Found, TenantRoles Roles)> ReadAsync(CancellationToken stop) =>
        database.WithWorkConnectionAsync(
            async (connection, token) =>
            {
                var inspection = await InspectionQuery.ReadAsync(connection, [], token);
                var objects = await SchemaObjects.ReadAsync(connection, inspection.Schema!, token);
                return (inspection, objects, await TenantRoles.ReadAsync(connection, token));
            },
            stop);
}
