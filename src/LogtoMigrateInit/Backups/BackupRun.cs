using System.Diagnostics;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Backups;

/// <summary>The work of <c>backup</c>: makes a backup under the migration lock.</summary>
internal sealed class BackupRun(ProgramSettings settings, AlterationCatalog catalog, LockedWork locked, DatabaseBackup backup)
{
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<Outcome> RunAsync(CancellationToken stop) => locked.RunAsync(
        new LockedTask
        {
            Settle = verdict => verdict is Verdict.Empty or Verdict.Foreign ? Outcome.Of(verdict, catalog, settings) : null,
            Work = async (run, survey) => Describe(await backup.MakeAsync(survey.Inspection.State, run.WhileLocked)),
            LockLost = _ => Task.FromResult<Outcome>(new Outcome.BackupFailed($"{Outcome.WhyLockLost}. Next: start again", null)),
        },
        stop);

    private static Outcome Describe(BackupResult result) => result switch
    {
        BackupResult.Made { Record: var record } made => new Outcome.BackedUp(
            made.Path, record.Bytes, record.Rows, record.Tables.Count, record.Verified == "restore", made.LeftOut, made.Restore),
        BackupResult.Failed failed => new Outcome.BackupFailed(failed.Reason, null),
        _ => throw new UnreachableException(),
    };
}
