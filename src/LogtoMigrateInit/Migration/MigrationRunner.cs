using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// The work of <c>migrate</c>: brings the database to the target. If nothing is pending, it opens one connection and inspects once.
/// Otherwise <see cref="LockedWork"/> takes the lock, and <see cref="Deployment"/> deploys under it.
/// </summary>
internal sealed class MigrationRunner(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, LockedWork locked, OtherRuns others,
    Deployment deployment, ILogger logger)
{
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<Outcome> RunAsync(CancellationToken stop) => locked.RunAsync(
        new LockedTask
        {
            Settle = verdict => verdict is Verdict.Pending || (verdict is Verdict.Empty && settings.Seed != SeedMode.False)
                ? null
                : Outcome.Of(verdict, catalog, settings),
            Work = (run, survey) => deployment.RunAsync(run, survey, () => others.SurveyAgainAsync(run)),
            LockLost = _ => deployment.LockLostAsync(),
            Unverified = (run, failure) => new Outcome.DeployUnverified(run.Reported, run.Planned, failure.Message, failure.Remedy),
            Writes = true,
            CreateDatabase = settings.Seed == SeedMode.Create ? CreateDatabaseAsync : null,
        },
        stop);

    /// <returns>Null when the database now exists.</returns>
    private async Task<Outcome?> CreateDatabaseAsync(CancellationToken stop)
    {
        var name = settings.Main.Database;
        if (Preflight.SeedableName(name) is { } unusable)
        {
            return new Outcome.PreflightFailed([unusable]);
        }

        try
        {
            if (await DatabaseCreation.CreateAsync(database, name, stop))
            {
                logger.CreatedDatabase(name);
            }

            return null;
        }
        catch (DatabaseException refusal) when (refusal.Failure != DatabaseFailure.NotYet)
        {
            return new Outcome.NotCreated(settings, refusal.Message);
        }
    }
}
