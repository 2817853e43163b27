using System.Diagnostics;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>Deploys or seeds under the migration lock: preflight → back up → rehearse → run the CLI → verify.</summary>
internal sealed class Deployment(
    ProgramSettings settings, LogtoTarget target, WatchedInspection watched, CliJobRunner cli, TenantLogins logins,
    Precautions precautions, ILogger logger)
{
    private readonly AlterationCatalog _catalog = target.Catalog;

    /// <summary>Deploys or seeds, and starts again after failures that <see cref="CliRetry"/> considers temporary.</summary>
    /// <param name="run">The run that holds the lock.</param>
    /// <param name="survey">The result of the inspection under the lock.</param>
    /// <param name="surveyAgain">Inspects again. Its result is null when other runs' sessions are active in the database.</param>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public async Task<Outcome> RunAsync(LockedRun run, Survey.Clear survey, Func<Task<Survey.Clear?>> surveyAgain)
    {
        var retry = new CliRetry(settings.ConnectTimeout, logger);
        while (true)
        {
            var (outcome, ended) = MigrationPlan.Decide(_catalog, survey.Inspection) switch
            {
                Verdict.Pending pending => await DeployAsync(pending, survey, run),
                Verdict.Empty when settings.Seed != SeedMode.False => await SeedAsync(survey, run),
                var settled => (Outcome.Of(settled, _catalog, settings), null),
            };
            if (outcome is not (Outcome.DeployFailed or Outcome.SeedFailed) || ended is null || retry.Next(ended) is not { } pause)
            {
                return outcome;
            }

            await Task.Delay(pause, run.WhileLocked);
            if (await surveyAgain() is not { } clear)
            {
                return outcome;
            }

            survey = clear;
        }
    }

    /// <summary>Returns the outcome when the lock is lost. It is a success if another replica has finished the deploy already.</summary>
    public async Task<Outcome> LockLostAsync() => await VerifyBrieflyAsync() is Verdict.Matching matching
        ? new Outcome.Matches(_catalog, matching.State, "deployed by another replica")
        : new Outcome.LockLost();

    private async Task<(Outcome Outcome, CliRun? Run)> DeployAsync(Verdict.Pending pending, Survey.Clear survey, LockedRun run)
    {
        var (inspection, privileges) = survey;
        var count = pending.Alterations.Count;
        logger.PlannedDeploy(count, _catalog.Count, _catalog.TargetVersion, $"{pending.State}", _catalog.Last.FormattedTimestamp);

        var problems = Preflight.OfDeploy(inspection, privileges, pending.Alterations.Select(target.Installation.ReadScript));
        if (Preflight.WhyImpossible(problems, inspection, settings, target.Installation) is { } impossible)
        {
            return (impossible, null);
        }

        if (await precautions.TakeAsync(pending, survey, run) is { } refused)
        {
            return (refused, null);
        }

        var job = CliJob.Deploy(pending.Alterations, inspection) with { TimeLimit = settings.DeployTimeout };
        switch (await cli.RunAsync(job, run))
        {
            case CliJobResult.FolderBusy:
                return (new Outcome.FolderBusy(target.Installation.CliDirectory, settings.LockTimeout), null);
            case CliJobResult.Blocked blocked:
                return (new Outcome.PreflightFailed(blocked.Problems), null);
            case CliJobResult.Ran { Run: var ended }:
                return (await JudgeDeployAsync(job, ended, run), ended);
            default:
                throw new UnreachableException();
        }
    }

    private async Task<Outcome> JudgeDeployAsync(CliJob job, CliRun ended, LockedRun run)
    {
        var count = job.Alterations.Count;
        var verdict = await VerifyAsync(ended.End, run.WhileLocked);
        if (verdict is Verdict.Pending { Alterations: [var next, ..] } && (ended.ExitCode != 0 || ended.End != CliEnd.ByItself))
        {
            await cli.RemoveAfterFailureAsync(job, next, run.Lock);
        }

        return verdict switch
        {
            _ when ended.End == CliEnd.Stopped => throw new OperationCanceledException(run.Stop),
            null => new Outcome.DeployFailed(CliFailure.Describe(ended, job), ended.Finished, count, null, CliFailure.Explain(ended)),
            Verdict.Pending rest when ended.ExitCode == 0 => new Outcome.AlterationsLeft(_catalog, rest.State, rest.Alterations.Count),
            Verdict.Pending rest => new Outcome.DeployFailed(
                CliFailure.Describe(ended, job), count - rest.Alterations.Count, count, ended.Failed ?? rest.Alterations[0].FileName,
                CliFailure.Explain(ended)),
            _ => await SucceedAsync(ended, verdict, $"{Counted.Of(count, "alteration")} deployed", job.Database, run.Stop),
        };
    }

    private async Task<(Outcome Outcome, CliRun? Run)> SeedAsync(Survey.Clear survey, LockedRun run)
    {
        var (inspection, privileges) = survey;
        logger.PlannedSeed(inspection.Database, _catalog.TargetVersion);

        var problems = Preflight.OfSeed(inspection, privileges);
        if (Preflight.WhyImpossible(problems, inspection, settings, target.Installation) is { } impossible)
        {
            return (impossible, null);
        }

        var job = CliJob.Seed(settings.SeedArguments, inspection) with { TimeLimit = settings.DeployTimeout };
        if (await cli.RunAsync(job, run) is not CliJobResult.Ran { Run: var ended })
        {
            return (new Outcome.FolderBusy(target.Installation.CliDirectory, settings.LockTimeout), null);
        }

        var verdict = await VerifyAsync(ended.End, run.WhileLocked);
        Outcome outcome = verdict switch
        {
            _ when ended.End == CliEnd.Stopped => throw new OperationCanceledException(run.Stop),
            null or Verdict.Empty => new Outcome.SeedFailed(
                CliFailure.Describe(ended, job), verdict is Verdict.Empty, CliFailure.Explain(ended)),
            _ => await SucceedAsync(ended, verdict, "seeded", inspection, run.Stop),
        };
        return (outcome, ended);
    }

    /// <summary>Reads the database again. Reason: the CLI's exit code does not prove that the deploy succeeded.</summary>
    /// <returns>
    /// Null when the database did not answer quickly after a signal or the loss of the lock. Then there is no time to wait.
    /// </returns>
    private async Task<Verdict?> VerifyAsync(CliEnd end, CancellationToken whileLocked) => end is CliEnd.Stopped or CliEnd.LockLost
        ? await VerifyBrieflyAsync()
        : Judge(await watched.ReadAsync(whileLocked));

    /// <returns>Null when the database did not answer within <see cref="Timings.CleanUpStep"/>.</returns>
    private async Task<Verdict?> VerifyBrieflyAsync()
    {
        using var brief = new CancellationTokenSource(Timings.CleanUpStep);
        try
        {
            return Judge(await watched.ReadAsync(brief.Token).WaitAsync(brief.Token));
        }
        catch (Exception unknown) when (unknown is OperationCanceledException or DatabaseException)
        {
            return null;
        }
    }

    /// <summary>Judges the database after a deploy. Alterations that are still pending take precedence over all other faults.</summary>
    private Verdict Judge(Inspection inspection) => MigrationPlan.Decide(_catalog, inspection) switch
    {
        Verdict.Unstartable { Alterations.Count: > 0 } left => new Verdict.Pending(left.State, left.Alterations),
        Verdict.Failing { Alterations.Count: > 0 } left => new Verdict.Pending(left.State, left.Alterations),
        var verdict => verdict,
    };

    private async Task<Outcome> SucceedAsync(CliRun ended, Verdict verdict, string done, Inspection before, CancellationToken stop)
    {
        if (verdict is not Verdict.Matching matching)
        {
            return verdict switch
            {
                // A seed by another release's CLI can end at a state below this image's last alteration.
                Verdict.Pending left => new Outcome.AlterationsLeft(_catalog, left.State, left.Alterations.Count),
                Verdict.Empty => new Outcome.DamagedByCli(before.Database, "it is still empty"),
                Verdict.Foreign foreign => new Outcome.DamagedByCli(before.Database, foreign.Reason),
                Verdict.Damaged damaged => new Outcome.DamagedByCli(before.Database, damaged.Reason),
                _ => Outcome.Of(verdict, _catalog, settings),
            };
        }

        if (ended.ExitCode != 0)
        {
            logger.CliFailedButApplied(ended.ExitCode, ended.Complaint);
        }

        return await logins.TryAsync(before.ReadOnly, stop) is { Count: > 0 } failed
            ? new Outcome.LoginsFailed(_catalog, matching.State, failed, before.BehindPooler)
            : new Outcome.Matches(_catalog, matching.State, done);
    }
}
