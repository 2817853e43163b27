using System.Diagnostics;
using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rollback;

/// <summary>The options of a rollback, and its output and questions to the operator.</summary>
/// <param name="Version">The older release, in a form that <see cref="RollbackPlan.IsVersion"/> accepts.</param>
/// <param name="Mode">The rows that are copied for the rehearsal.</param>
/// <param name="Seen">Receives the report of the rehearsal, even when it failed.</param>
/// <param name="Confirm">Asks the operator, once the log has all facts for the answer.</param>
internal sealed record RollbackRequest(string Version, RehearsalMode Mode, Func<RehearsalReport, Task> Seen, Func<string, bool> Confirm);

/// <summary>
/// Rolls back under the migration lock: plan → check that no other session is connected → back up → rehearse on a copy → report losses and
/// ask → run the newer image's CLI → verify. Before the CLI nothing of the operator's is changed.
/// </summary>
internal sealed class DatabaseRollback(
    ProgramSettings settings, LogtoTarget target, RollbackChecks checks, CliJobRunner cli, DatabaseBackup backup,
    AlterationRehearsal rehearsal, ILogger logger)
{
    private readonly AlterationCatalog _catalog = target.Catalog;

    /// <param name="survey">The result of the inspection under the lock.</param>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public async Task<Outcome> RunAsync(RollbackRequest request, Survey.Clear survey, LockedRun run)
    {
        var verdict = MigrationPlan.Decide(_catalog, survey.Inspection);
        if (verdict is Verdict.Empty or Verdict.Foreign or Verdict.Damaged)
        {
            return Outcome.Of(verdict, _catalog, settings);
        }

        var state = survey.Inspection.State!; // all remaining verdicts have a state
        return RollbackPlan.Decide(_catalog, request.Version, state) switch
        {
            RollbackPlan.Refused refused => new Outcome.RollbackRefused(refused.Reason),
            RollbackPlan.AlreadyThere reached => new Outcome.AtLevel(request.Version, state, reached.Level),
            RollbackPlan.Steps steps => await RunAsync(request, steps, state, survey, run),
            _ => throw new UnreachableException(),
        };
    }

    // Over 40 lines: the steps of a rollback, in order.
    private async Task<Outcome> RunAsync(
        RollbackRequest request, RollbackPlan.Steps steps, AlterationState state, Survey.Clear survey, LockedRun run)
    {
        var count = steps.Alterations.Count;
        logger.PlannedRollback(count, request.Version, $"{state}", $"{steps.StateAfter}");
        if ((WhyImpossible(survey) ?? await checks.WhyInUseAsync(run)) is { } refusal)
        {
            return refusal;
        }

        var backedUp = await backup.MakeAsync(state, run.WhileLocked);
        if (backedUp is BackupResult.Failed failed)
        {
            return new Outcome.BackupFailed(failed.Reason, "rolled back");
        }

        var made = (BackupResult.Made)backedUp;
        run.RestoreCommand = made.Restore;
        var earlier = backup.FindAtLevel(made.Record, steps.Level.Timestamp);
        var job = CliJob.Rollback(request.Version, steps.Alterations, survey.Inspection) with { TimeLimit = settings.DeployTimeout };
        var plan = new RehearsalPlan
        {
            Job = job,
            State = state,
            Version = request.Version,
            Roles = survey.Privileges.Roles,
            Backup = made.Path,
            Earlier = earlier?.Path,
            Mode = request.Mode,
        };
        var rehearsed = await rehearsal.RunAsync(plan, run.WhileLocked);
        if (rehearsed is RehearsalResult.Impossible { Reason: var reason })
        {
            return new Outcome.RollbackNotRehearsed(request.Version, reason);
        }

        var report = ((RehearsalResult.Done)rehearsed).Report;
        await request.Seen(report);
        if (report.Failure is { } failure)
        {
            return new Outcome.RollbackWouldFail(
                request.Version, failure.Alteration, failure.Reason,
                earlier is { } other ? (BackupResult.RestoreCommandFor(other.Path), other.Record.TakenAt) : null);
        }

        foreach (var loss in RehearsalSummary.AllLosses(report))
        {
            logger.RollbackLoses(loss);
        }

        var question = $"Revert {Counted.Of(count, "alteration")} of the database '{settings.Main.Database}', back " +
            $"to Logto {request.Version}?";
        if (!request.Confirm(question))
        {
            return new Outcome.RollbackRefused(
                "it was not confirmed. Next: read in the report above what is lost, then add --yes, or answer y at a terminal");
        }

        // Check again, because Logto may have been started during the copy and the question.
        return await checks.WhyInUseAsync(run) ?? await RevertAsync(job, report, run);
    }

    private Outcome? WhyImpossible(Survey.Clear survey)
    {
        var (inspection, privileges) = survey;
        var server = $"{settings.Main.Host}:{settings.Main.Port}";
        if (inspection.BehindPooler)
        {
            return new Outcome.RollbackRefused(
                $"a connection pooler answers at {server}, behind which other sessions are not visible. " +
                "Next: let DB_URL name the server itself for this command");
        }

        if (inspection.InRecovery || inspection.ReadOnly)
        {
            return new Outcome.RollbackRefused(
                $"the server at {server} is {(inspection.InRecovery ? "in recovery (a standby)" : "read-only")}. " +
                "Next: let DB_URL name the primary, or turn off default_transaction_read_only");
        }

        var problem = Preflight.WhyImpossible(Preflight.OfDeploy(inspection, privileges, []), inspection, settings, target.Installation);
        return problem is Outcome.PreflightFailed { Problems: var problems }
            ? new Outcome.RollbackRefused(string.Join("; ", problems))
            : problem;
    }

    /// <summary>Runs the CLI, and starts it again after failures that <see cref="CliRetry"/> considers temporary.</summary>
    private async Task<Outcome> RevertAsync(CliJob job, RehearsalReport report, LockedRun run)
    {
        var retry = new CliRetry(settings.ConnectTimeout, logger);
        while (true)
        {
            var result = await cli.RunAsync(job, run);
            if (result is not CliJobResult.Ran { Run: var ended })
            {
                return WhyNotRun(result, report, job, run);
            }

            if (ended.End == CliEnd.Stopped)
            {
                throw new OperationCanceledException(run.Stop);
            }

            if (await checks.ReadStateAsync(run.WhileLocked) is not { } state)
            {
                return Failed(report, null, null, $"{Reason(ended, job)}, and the state can no longer be read");
            }

            var left = job.LeftAt(state);
            if (left.Count == 0)
            {
                return await checks.VerifyAsync(state, report, report.Planned, run.WhileLocked);
            }

            await cli.RemoveAfterFailureAsync(job, left[0], run.Lock);
            if (retry.Next(ended) is not { } pause)
            {
                var failed = left.FirstOrDefault(alteration => alteration.FileName == ended.Failed) ?? left[0];
                return Failed(report, report.Planned - left.Count, failed, Reason(ended, job));
            }

            job = CliJob.Rollback(report.Version, left, job.Database) with { TimeLimit = job.TimeLimit };
            await Task.Delay(pause, run.WhileLocked);
        }
    }

    /// <summary>Returns the outcome when the CLI could not be started, for the first time or again.</summary>
    private Outcome WhyNotRun(CliJobResult result, RehearsalReport report, CliJob job, LockedRun run)
    {
        var folder = target.Installation.CliDirectory;
        if (run.HasBegun)
        {
            var reason = result is CliJobResult.Blocked blocked
                ? string.Join("; ", blocked.Problems)
                : $"another process still runs Logto's CLI in {folder}";
            return Failed(report, report.Planned - job.Alterations.Count, job.Alterations[0], reason);
        }

        return result is CliJobResult.Blocked { Problems: var problems }
            ? new Outcome.RollbackRefused(string.Join("; ", problems))
            : new Outcome.FolderBusy(folder, settings.LockTimeout);
    }

    private static Outcome.RollbackFailed Failed(RehearsalReport report, int? reverted, Alteration? next, string reason) =>
        new(report.Version, reverted, report.Planned, next?.FileName, reason);

    private static string Reason(CliRun ended, CliJob job) =>
        $"{CliFailure.Describe(ended, job)}{(CliFailure.Explain(ended) is { Length: > 0 } said ? $": {said}" : "")}";
}
