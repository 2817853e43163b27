using System.Diagnostics;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The work of <c>rehearse</c>, and the rehearsal before a deploy: runs the pending alterations on a copy. The migration lock is held, so
/// that no deploy changes the database while it is copied.
/// </summary>
internal sealed class RehearsedUpgrade(
    ProgramSettings settings, LogtoTarget target, LockedWork locked, AlterationRehearsal rehearsal, CopyStart start, ILogger logger)
{
    private readonly AlterationCatalog _catalog = target.Catalog;

    /// <summary>Rehearses without a deploy.</summary>
    /// <param name="mode">The rows to copy.</param>
    /// <param name="starts">Whether to start Logto on the copy.</param>
    /// <param name="seen">Receives the report, if there is one.</param>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<Outcome> RunAsync(RehearsalMode mode, bool starts, Action<RehearsalReport> seen, CancellationToken stop) => locked.RunAsync(
        new LockedTask
        {
            Settle = verdict => verdict is Verdict.Pending ? null : Outcome.Of(verdict, _catalog, settings),
            Work = (run, survey) => RunAsync(survey, mode, starts, seen, run.WhileLocked),
            LockLost = _ => Task.FromResult<Outcome>(new Outcome.RehearsalImpossible($"{Outcome.WhyLockLost}. Next: start again")),
        },
        stop);

    /// <summary>Rehearses before a deploy.</summary>
    /// <param name="pending">The alterations to deploy.</param>
    /// <param name="backup">The path of a backup of the present state; null: none.</param>
    /// <param name="whileLocked">Canceled when the lock is lost, or by a signal.</param>
    /// <returns>Null when the deploy may begin; otherwise the outcome.</returns>
    public async Task<Outcome?> WhyNotAsync(Verdict.Pending pending, Survey.Clear survey, string? backup, CancellationToken whileLocked)
    {
        var (outcome, report) = await RehearseAsync(
            pending, survey, backup, settings.Rehearse, settings.RehearseStart, whileLocked);
        if (report is null || outcome is not Outcome.Rehearsed)
        {
            return report is { Failure: { Alteration: null } difference, Start: not ServerStart.Failed }
                ? new Outcome.RehearsalFailed(
                    _catalog, null, $"{difference.Reason} (`logto-migrate-init rehearse --schema-only` reports each difference)")
                : outcome;
        }

        logger.Rehearsed(RehearsalSummary.Of(report));
        return null;
    }

    private async Task<Outcome> RunAsync(
        Survey.Clear survey, RehearsalMode mode, bool starts, Action<RehearsalReport> seen, CancellationToken whileLocked)
    {
        var verdict = MigrationPlan.Decide(_catalog, survey.Inspection);
        if (verdict is not Verdict.Pending pending)
        {
            return Outcome.Of(verdict, _catalog, settings);
        }

        var problems = Preflight.OfDeploy(survey.Inspection, survey.Privileges, pending.Alterations.Select(target.Installation.ReadScript));
        if (Preflight.WhyImpossible(problems, survey.Inspection, settings, target.Installation) is { } impossible)
        {
            return impossible;
        }

        var (outcome, report) = await RehearseAsync(pending, survey, null, mode, starts, whileLocked);
        if (report is not null)
        {
            seen(report);
        }

        return outcome;
    }

    private async Task<(Outcome Outcome, RehearsalReport? Report)> RehearseAsync(
        Verdict.Pending pending, Survey.Clear survey, string? backup, RehearsalMode mode, bool starts, CancellationToken whileLocked)
    {
        var plan = new RehearsalPlan
        {
            Job = CliJob.Deploy(pending.Alterations, survey.Inspection),
            State = pending.State,
            Version = _catalog.TargetVersion,
            Roles = survey.Privileges.Roles,
            Backup = backup,
            Earlier = null,
            Mode = mode,
            Start = starts
                ? start.RunAsync
                : (_, _, _) => Task.FromResult<ServerStart>(new ServerStart.NotStarted("that was switched off")),
        };
        return await rehearsal.RunAsync(plan, whileLocked) switch
        {
            RehearsalResult.Impossible impossible => (new Outcome.RehearsalImpossible(impossible.Reason), null),
            RehearsalResult.Done { Report: { Failure: { } failure } report } =>
                (new Outcome.RehearsalFailed(_catalog, failure.Alteration, failure.Reason), report),
            RehearsalResult.Done { Report: var report } =>
                (new Outcome.Rehearsed(_catalog, report.Planned, RehearsalSummary.Of(report)), report),
            _ => throw new UnreachableException(),
        };
    }
}
