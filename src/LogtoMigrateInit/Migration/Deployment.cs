using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>What happens under the lock: end other runs' sessions → inspect again → preflight → back up → rehearse → repair → run the CLI → verify.</summary>
internal sealed class Deployment(
    GateOptions options, LogtoInstallation installation, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, OtherRuns others, CliFolder cliFolder,
    SupervisedCli cli, LeftOvers leftOvers, TenantLogins logins, Backup backup, RehearsedUpgrade rehearsed, ILogger logger)
{
    /// <summary>The command that restores the backup of this run; null when none was made.</summary>
    private string? _wayBack;

    /// <summary>The backup itself, as long as the database is what it was when it was made.</summary>
    private string? _backup;

    private bool _rehearsed;

    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public async Task<Outcome> RunAsync(MigrationLock migrationLock, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        try
        {
            var started = Stopwatch.GetTimestamp();
            return await others.SurveyAsync(started, migrationLock, held.Token) switch
            {
                Survey.Clear clear => await RunAsync(clear, migrationLock, held.Token, stop),
                Survey.OthersAtWork { Sessions: [var other, ..] } =>
                    new Outcome.LockTimedOut(Stopwatch.GetElapsedTime(started), $"{other}, left by an earlier run, running: {other.Query}"),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            // Whoever has the lock now may have finished already.
            return await VerifyBrieflyAsync() is Verdict.Matching matching
                ? new Outcome.Matches(catalog, matching.State, "deployed by another replica")
                : new Outcome.LockLost();
        }
    }

    /// <summary>Begins again as long as the CLI fails only because it found no connection: what it has deployed is complete.</summary>
    private async Task<Outcome> RunAsync(Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        long? fullSince = null;
        var backoff = new Backoff();
        while (true)
        {
            var (outcome, run) = MigrationPlan.Decide(catalog, survey.Inspection) switch
            {
                Verdict.Pending pending => await DeployAsync(pending, survey, migrationLock, held, stop),
                Verdict.Empty when options.Seed != SeedMode.False => await SeedAsync(survey, migrationLock, held, stop),
                var settled => (Outcome.Of(settled, catalog, options), null),
            };
            if (outcome is not (Outcome.DeployFailed or Outcome.SeedFailed) || run is not { FoundNoConnection: true })
            {
                return outcome;
            }

            fullSince ??= Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(fullSince.Value) > options.ConnectTimeout || await SurveyAgainAsync(backoff, migrationLock, held) is not { } clear)
            {
                return outcome;
            }

            survey = clear;
        }
    }

    private async Task<(Outcome Outcome, CliRun? Run)> DeployAsync(
        Verdict.Pending pending, Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var (inspection, privileges) = survey;
        var count = pending.Alterations.Count;
        logger.PlannedDeploy(count, catalog.Count, catalog.TargetVersion, $"{pending.State}", catalog.Last.FormattedTimestamp);

        await database.WithConnectionAsync(
            async (connection, token) =>
            {
                await leftOvers.WarnOfMissingAsync(connection, catalog, pending.State, token);
                return true;
            },
            held);
        var problems = Preflight.OfDeploy(inspection, privileges, pending.Alterations.Select(installation.ReadScript));
        if (Preflight.WhyImpossible(problems, inspection, options, installation) is { } impossible)
        {
            return (impossible, null);
        }

        // Once a run: when the CLI is tried again, what it did before is in no backup that an operator would want.
        if (options.BackupDirectory is not null && _wayBack is null)
        {
            switch (await backup.MakeAsync(pending.State, held))
            {
                case BackupResult.Failed failed:
                    return (new Outcome.BackupFailed(failed.Reason, "deployed"), null);
                case BackupResult.Made made:
                    (_wayBack, _backup) = (made.WayBack, made.Path);
                    break;
            }
        }

        if (options.Rehearse != RehearsalMode.Off && !_rehearsed)
        {
            if (await rehearsed.WhyNotAsync(pending, survey, _backup, held) is { } failure)
            {
                return (failure, null);
            }

            _rehearsed = true;
        }

        using var folder = await cliFolder.TakeAsync(held);
        if (folder is null)
        {
            return (new Outcome.FolderBusy(installation.CliDirectory, options.LockTimeout), null);
        }

        var job = CliJob.Deploy(pending.Alterations, inspection);
        if (await leftOvers.RemoveAsync(pending.Alterations[0], catalog.IndexesOf(pending.Alterations[0]), inspection.BehindPooler, migrationLock, held) is { Count: > 0 } inTheWay)
        {
            return (new Outcome.PreflightFailed(inTheWay), null);
        }

        var run = await cli.RunAsync(job, folder, migrationLock, stop);
        var verdict = await VerifyAsync(run.End, held);
        if (verdict is Verdict.Pending { Alterations: var remaining } && (run.ExitCode != 0 || run.End != CliEnd.ByItself))
        {
            await leftOvers.RemoveAfterFailureAsync(remaining[0], catalog.IndexesOf(remaining[0]), inspection.BehindPooler, migrationLock);
        }

        Outcome outcome = verdict switch
        {
            _ when run.End == CliEnd.Stopped => throw new OperationCanceledException(stop),
            null => new Outcome.DeployFailed(CliEndings.Describe(run, options), run.Finished, count, null, CliEndings.Explain(run)),
            Verdict.Pending rest when run.ExitCode == 0 => new Outcome.AlterationsLeft(catalog, rest.State, rest.Alterations.Count),
            Verdict.Pending rest => new Outcome.DeployFailed(
                CliEndings.Describe(run, options), count - rest.Alterations.Count, count, run.Failed ?? rest.Alterations[0].FileName, CliEndings.Explain(run)),
            _ => await SucceedAsync(run, verdict, $"{count} {(count == 1 ? "alteration" : "alterations")} deployed", inspection, stop),
        };
        return (outcome.WithWayBack(_wayBack), run);
    }

    private async Task<(Outcome Outcome, CliRun? Run)> SeedAsync(Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var (inspection, privileges) = survey;
        logger.PlannedSeed(inspection.Database, catalog.TargetVersion);

        if (Preflight.WhyImpossible(Preflight.OfSeed(inspection, privileges), inspection, options, installation) is { } impossible)
        {
            return (impossible, null);
        }

        using var folder = await cliFolder.TakeAsync(held);
        if (folder is null)
        {
            return (new Outcome.FolderBusy(installation.CliDirectory, options.LockTimeout), null);
        }

        var run = await cli.RunAsync(CliJob.Seed(options.SeedArguments, inspection), folder, migrationLock, stop);
        var verdict = await VerifyAsync(run.End, held);
        Outcome outcome = verdict switch
        {
            _ when run.End == CliEnd.Stopped => throw new OperationCanceledException(stop),
            null or Verdict.Empty => new Outcome.SeedFailed(CliEndings.Describe(run, options), verdict is Verdict.Empty, CliEndings.Explain(run)),
            _ => await SucceedAsync(run, verdict, "seeded", inspection, stop),
        };
        return (outcome, run);
    }

    /// <returns>Null when other sessions work in the database now.</returns>
    private async Task<Survey.Clear?> SurveyAgainAsync(Backoff backoff, MigrationLock migrationLock, CancellationToken held)
    {
        logger.RetryingConnection();
        await Task.Delay(backoff.Next(ServerLoad.Full), held);
        return await others.SurveyAsync(Stopwatch.GetTimestamp(), migrationLock, held) as Survey.Clear;
    }

    /// <summary>The CLI's exit code proves nothing; only the database does.</summary>
    /// <returns>Null when the database could not be seen at once after a signal or the loss of the lock, when there is no time to wait for it.</returns>
    private async Task<Verdict?> VerifyAsync(CliEnd end, CancellationToken held) => end is CliEnd.Stopped or CliEnd.LockLost
        ? await VerifyBrieflyAsync()
        : Judge(await watched.ReadAsync(held));

    /// <returns>Null when the database could not be seen at once.</returns>
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

    /// <summary>After a deploy, alterations that are left come first, whatever else is wrong.</summary>
    private Verdict Judge(Inspection inspection) => MigrationPlan.Decide(catalog, inspection) switch
    {
        Verdict.Unstartable { Alterations.Count: > 0 } left => new Verdict.Pending(left.State, left.Alterations),
        Verdict.LockedOut { Alterations.Count: > 0 } left => new Verdict.Pending(left.State, left.Alterations),
        var verdict => verdict,
    };

    private async Task<Outcome> SucceedAsync(CliRun run, Verdict verdict, string done, Inspection before, CancellationToken stop)
    {
        if (verdict is not Verdict.Matching matching)
        {
            return verdict switch
            {
                // A seed of another release's CLI can end below what this image ships.
                Verdict.Pending left => new Outcome.AlterationsLeft(catalog, left.State, left.Alterations.Count),
                Verdict.Foreign foreign => new Outcome.DamagedByCli(before.Database, foreign.Reason),
                Verdict.Damaged damaged => new Outcome.DamagedByCli(before.Database, damaged.Reason),
                _ => Outcome.Of(verdict, catalog, options),
            };
        }

        if (run.ExitCode != 0)
        {
            logger.CliFailedInVain(run.ExitCode, run.Complaint);
        }

        return await logins.TryAsync(before.BehindPooler, stop) is { Count: > 0 } failed
            ? new Outcome.LoginsFailed(catalog, matching.State, failed)
            : new Outcome.Matches(catalog, matching.State, done);
    }
}
