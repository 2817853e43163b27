using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Repair;

/// <summary>The options of a repair, and its output and questions to the operator.</summary>
/// <param name="TrimsKeys">Whether to drop surplus signing keys.</param>
/// <param name="Print">Prints a report.</param>
/// <param name="Confirm">Asks the operator to confirm the SQL of the last report.</param>
internal sealed record RepairRequest(bool TrimsKeys, Func<string, Task> Print, Func<string, bool> Confirm);

/// <summary>
/// The work of <c>repair</c> under the migration lock: inspect → print → ask → apply → inspect again, until no untried finding is left.
/// </summary>
internal sealed class DatabaseRepair(
    ProgramSettings settings, AlterationCatalog catalog, LockedWork locked, RepairInspection inspection, RepairSession session,
    DatabaseBackup backup)
{
    /// <summary>
    /// The limit of rounds. A repair can reveal another fault, such as a wrong password of a role that could not log in before.
    /// </summary>
    private const int MostRounds = 5;

    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public Task<Outcome> RunAsync(RepairRequest request, CancellationToken stop)
    {
        var progress = new RepairProgress();
        return locked.RunAsync(
            new LockedTask
            {
                Settle = inspection.Settle,
                Work = (run, _) => RepairAsync(request, progress, run),
                LockLost = run => Task.FromResult<Outcome>(run.HasBegun
                    ? new Outcome.RepairStopped(ExitCode.Unstartable, progress.CountApplied, Outcome.WhyLockLost)
                    : new Outcome.RepairRefused($"{Outcome.WhyLockLost}. Next: start again")),
                Unverified = (_, failure) => Stopped(Outcome.Of(failure, settings), progress),
            },
            stop);
    }

    private async Task<Outcome> RepairAsync(RepairRequest request, RepairProgress progress, LockedRun run)
    {
        for (var round = 1; ; round++)
        {
            var (survey, instead) = await inspection.ReadAsync(run.WhileLocked);
            if (survey is null)
            {
                return run.HasBegun ? Stopped(instead!, progress) : instead!;
            }

            if (survey.Findings.Count > 0 || survey.Problems.Count > 0)
            {
                await request.Print(RepairText.Of(settings.Main.Database, survey, progress));
            }

            Finding[] chosen = [.. survey.Findings.Where(finding => IsChosen(finding, request) && !progress.HasTried(finding))];
            if (chosen.Length == 0 || round > MostRounds)
            {
                return Judge(survey, progress);
            }

            if (!request.Confirm(Question(chosen, survey)))
            {
                return run.HasBegun ? Judge(survey, progress) : new Outcome.RepairNotConfirmed(chosen.Length, survey.Findings.Count);
            }

            if (chosen.Any(finding => finding.By == RepairBy.CommandAfterBackup) && run.RestoreCommand is null)
            {
                var result = await backup.MakeAsync(survey.State, run.WhileLocked);
                if (result is BackupResult.Failed failed)
                {
                    return new Outcome.BackupFailed(failed.Reason, "repaired");
                }

                run.RestoreCommand = ((BackupResult.Made)result).Restore;
            }

            run.HasBegun = true;
            await session.ApplyAsync(chosen, survey, progress, run);
        }
    }

    private static bool IsChosen(Finding finding, RepairRequest request) =>
        finding.By == RepairBy.Command || (finding.By == RepairBy.CommandAfterBackup && request.TrimsKeys);

    private string Question(Finding[] chosen, RepairSurvey survey)
    {
        var trims = Array.Exists(chosen, finding => finding.By == RepairBy.CommandAfterBackup);
        return $"Repair {chosen.Length} of {Counted.Of(survey.Findings.Count, "finding")} in the database '{settings.Main.Database}' " +
            $"with the SQL above{(trims ? ", and drop signing keys after a backup" : "")}?";
    }

    /// <summary>Returns the outcome when SQL was run and the next inspection failed.</summary>
    /// <param name="instead">The outcome of the failed inspection.</param>
    private static Outcome.RepairStopped Stopped(Outcome instead, RepairProgress progress) =>
        new(instead.ExitCode, progress.CountApplied, instead.Message.TrimEnd('.'));

    private Outcome Judge(RepairSurvey survey, RepairProgress progress)
    {
        var repaired = progress.CountRepaired(survey);
        var fails = survey.Problems.Count > 0 || (survey.Pending.Count > 0 && survey.Findings.Count > 0);
        return survey switch
        {
            { Problems: [_, ..] problems } => new Outcome.RepairIncomplete(ExitCode.Unstartable, repaired, problems),
            { Findings: [_, ..] findings } => new Outcome.RepairIncomplete(
                fails ? ExitCode.Unstartable : ExitCode.Drift, repaired, [.. findings.Select(finding => finding.What)]),
            { Pending: [_, ..] pending } => new Outcome.AlterationsPending(catalog, survey.State, pending, repaired),
            { NotCompared: { } reason } => new Outcome.RepairUncompared(repaired, reason),
            _ => new Outcome.Repaired(catalog, survey.State, repaired, survey.Compared),
        };
    }
}
