using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// Makes the backup and the rehearsal before a deploy, each at most once in a run. Reason: after a first try of the CLI, a second backup
/// would contain its changes, and the operator wants the state before them.
/// </summary>
internal sealed class Precautions(ProgramSettings settings, DatabaseBackup backup, RehearsedUpgrade rehearsed)
{
    private bool _backedUp;
    private bool _rehearsed;

    /// <returns>Null when the deploy may begin; otherwise the outcome.</returns>
    public async Task<Outcome?> TakeAsync(Verdict.Pending pending, Survey.Clear survey, LockedRun run)
    {
        string? backupOfThisMoment = null;
        if (settings.BackupDirectory is not null && !_backedUp)
        {
            var result = await backup.MakeAsync(pending.State, run.WhileLocked);
            if (result is BackupResult.Failed failed)
            {
                return new Outcome.BackupFailed(failed.Reason, "deployed");
            }

            var made = (BackupResult.Made)result;
            (run.RestoreCommand, backupOfThisMoment, _backedUp) = (made.WayBack, made.Path, true);
        }

        if (settings.Rehearse == RehearsalMode.Off || _rehearsed)
        {
            return null;
        }

        var failure = await rehearsed.WhyNotAsync(pending, survey, backupOfThisMoment, run.WhileLocked);
        _rehearsed = failure is null;
        return failure;
    }
}
