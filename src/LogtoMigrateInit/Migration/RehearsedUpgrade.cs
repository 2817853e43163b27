using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>What is pending, rehearsed under the lock, so that what is copied is not in the middle of a deploy: before one, or alone.</summary>
internal sealed class RehearsedUpgrade(
    GateOptions options, LogtoInstallation installation, AlterationCatalog catalog, OtherRuns others, AlterationRehearsal rehearsal, ILogger logger)
{
    /// <summary>Rehearses and deploys nothing.</summary>
    /// <param name="mode">Which rows are copied.</param>
    /// <param name="seen">Gets the report, when there is one.</param>
    /// <param name="migrationLock">Held.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public async Task<Outcome> RunAsync(RehearsalMode mode, Action<RehearsalReport> seen, MigrationLock migrationLock, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        try
        {
            var started = Stopwatch.GetTimestamp();
            return await others.SurveyAsync(started, migrationLock, held.Token) switch
            {
                Survey.Clear clear => await RunAsync(clear, mode, seen, held.Token),
                Survey.OthersAtWork { Sessions: [var other, ..] } =>
                    new Outcome.LockTimedOut(Stopwatch.GetElapsedTime(started), $"{other}, left by an earlier run, running: {other.Query}"),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.RehearsalImpossible("the migration lock was lost, because its connection broke or this machine stood still; start again");
        }
    }

    /// <summary>Rehearses before a deploy.</summary>
    /// <param name="pending">What is to be deployed.</param>
    /// <param name="survey">The real database.</param>
    /// <param name="backup">A backup of this moment; null: there is none.</param>
    /// <param name="held">Cancelled when the lock is lost, or by a signal.</param>
    /// <returns>Null when the deploy may begin.</returns>
    public async Task<Outcome?> WhyNotAsync(Verdict.Pending pending, Survey.Clear survey, string? backup, CancellationToken held)
    {
        var (outcome, report) = await RehearseAsync(pending, survey, backup, options.Rehearse, held);
        if (report is null || outcome is not Outcome.Rehearsed)
        {
            return outcome;
        }

        logger.Rehearsed(RehearsalSummary.Of(report));
        return null;
    }

    private async Task<Outcome> RunAsync(Survey.Clear survey, RehearsalMode mode, Action<RehearsalReport> seen, CancellationToken held)
    {
        if (MigrationPlan.Decide(catalog, survey.Inspection) is not Verdict.Pending pending)
        {
            return Outcome.Of(MigrationPlan.Decide(catalog, survey.Inspection), catalog, options);
        }

        var problems = Preflight.OfDeploy(survey.Inspection, survey.Privileges, pending.Alterations.Select(installation.ReadScript));
        if (Preflight.WhyImpossible(problems, survey.Inspection, options, installation) is { } impossible)
        {
            return impossible;
        }

        var (outcome, report) = await RehearseAsync(pending, survey, null, mode, held);
        if (report is not null)
        {
            seen(report);
        }

        return outcome;
    }

    private async Task<(Outcome Outcome, RehearsalReport? Report)> RehearseAsync(Verdict.Pending pending, Survey.Clear survey, string? backup, RehearsalMode mode, CancellationToken held) =>
        await rehearsal.RunAsync(CliJob.Deploy(pending.Alterations, survey.Inspection), pending.State, catalog.TargetVersion, survey.Privileges.Roles, backup, earlier: null, mode, held) switch
        {
            RehearsalResult.Impossible impossible => (new Outcome.RehearsalImpossible(impossible.Reason), null),
            RehearsalResult.Done { Report: { Failure: { } failure } report } => (new Outcome.RehearsalFailed(catalog, failure.Alteration, failure.Reason), report),
            RehearsalResult.Done { Report: var report } => (new Outcome.Rehearsed(catalog, report.Planned, RehearsalSummary.Of(report)), report),
            _ => throw new UnreachableException(),
        };
}
