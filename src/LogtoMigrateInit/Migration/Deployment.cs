using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>What happens under the lock: wait for orphans → inspect again → preflight → repair → run the CLI → verify.</summary>
internal sealed class Deployment(
    GateOptions options, LogtoInstallation installation, AlterationCatalog catalog, LogtoDatabase database, SupervisedCli cli, LeftOvers leftOvers,
    ILogger logger)
{
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public async Task<Outcome> RunAsync(MigrationLock migrationLock, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        try
        {
            var started = Stopwatch.GetTimestamp();
            return await SurveyAsync(started, held.Token) switch
            {
                Survey.Clear clear => await RunAsync(clear, migrationLock, held.Token, stop),
                Survey.OrphansAtWork { Orphans: [var orphan, ..] } =>
                    new Outcome.LockTimedOut(Stopwatch.GetElapsedTime(started), $"{orphan}, left by an earlier run, running: {orphan.Query}"),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.LockLost();
        }
    }

    private async Task<Outcome> RunAsync(Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop) =>
        MigrationPlan.Decide(catalog, survey.Inspection) switch
        {
            Verdict.Pending pending => await DeployAsync(pending, survey, migrationLock, held, stop),
            Verdict.Empty when options.Seed => await SeedAsync(survey, migrationLock, held, stop),
            var settled => Outcome.Of(settled, catalog, options),
        };

    private async Task<Outcome> DeployAsync(
        Verdict.Pending pending, Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var (inspection, privileges) = survey;
        var count = pending.Alterations.Count;
        logger.PlannedDeploy(count, catalog.Count, catalog.TargetVersion, $"{pending.State}", catalog.Last.FormattedTimestamp);

        var problems = Preflight.OfDeploy(inspection, privileges, pending.Alterations.Select(installation.ReadScript));
        if (WhyImpossible(problems, inspection) is { } impossible)
        {
            return impossible;
        }

        var first = installation.ReadScript(pending.Alterations[0]);
        if (await leftOvers.RemoveAsync(pending.Alterations[0], first, inspection.BehindPooler, held) is { Count: > 0 } inTheWay)
        {
            return new Outcome.PreflightFailed(inTheWay);
        }

        var (run, end) = await cli.RunAsync(["db", "alteration", "deploy", "next"], pending.State, pending.Alterations, inspection, migrationLock, stop);
        var verdict = await VerifyAsync(end, held);
        if (verdict is Verdict.Pending { Alterations: var remaining } && (run.ExitCode != 0 || end != CliEnd.ByItself))
        {
            await leftOvers.RemoveAfterFailureAsync(remaining[0], installation.ReadScript(remaining[0]), inspection.BehindPooler, migrationLock.Lost);
        }

        return verdict switch
        {
            _ when end == CliEnd.Stopped => throw new OperationCanceledException(stop),
            null => new Outcome.DeployFailed(Describe(run, end), run.Finished, count, null, Explain(run.Complaint)),
            Verdict.Pending rest when run.ExitCode == 0 => new Outcome.AlterationsLeft(catalog, rest.State, rest.Alterations.Count),
            Verdict.Pending rest => new Outcome.DeployFailed(
                Describe(run, end), count - rest.Alterations.Count, count, run.Failed ?? rest.Alterations[0].FileName, Explain(run.Complaint)),
            _ => Succeed(run, verdict, $"{count} {(count == 1 ? "alteration" : "alterations")} deployed"),
        };
    }

    private async Task<Outcome> SeedAsync(Survey.Clear survey, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var (inspection, privileges) = survey;
        logger.PlannedSeed(inspection.Database, catalog.TargetVersion);

        if (WhyImpossible(Preflight.OfSeed(inspection, privileges), inspection) is { } impossible)
        {
            return impossible;
        }

        var (run, end) = await cli.RunAsync(["db", "seed", "--swe", .. options.SeedArguments], null, [], inspection, migrationLock, stop);
        var verdict = await VerifyAsync(end, held);
        return verdict switch
        {
            _ when end == CliEnd.Stopped => throw new OperationCanceledException(stop),
            null or Verdict.Empty => new Outcome.SeedFailed(Describe(run, end), Explain(run.Complaint)),
            _ => Succeed(run, verdict, "seeded"),
        };
    }

    /// <returns>Null when the CLI can run.</returns>
    private Outcome? WhyImpossible(IReadOnlyList<string> problems, Inspection inspection)
    {
        if (inspection.ServerVersion / 10000 < Preflight.OldestPostgreSql)
        {
            return new Outcome.UnsupportedServer(inspection.ServerVersion, Preflight.OldestPostgreSql);
        }

        if (inspection.BehindPooler && options.DdlLockTimeout > TimeSpan.Zero)
        {
            problems = [.. problems, "LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS is set and a connection pooler answers, which takes no such option; connect to the server directly, or remove it"];
        }

        installation.RequireWritableScratch();
        return problems.Count > 0 ? new Outcome.PreflightFailed(problems) : null;
    }

    /// <summary>Waits while a session of a killed run still works: its client is gone, and the server has not noticed yet.</summary>
    /// <param name="started">When the wait began; it ends with the lock time-out.</param>
    /// <param name="held">Cancelled when the lock is lost, or by a signal.</param>
    private async Task<Survey> SurveyAsync(long started, CancellationToken held)
    {
        var backoff = new Backoff();
        int? reported = null;
        while (true)
        {
            var survey = await database.WithConnectionAsync(
                (connection, token) => Survey.ReadAsync(connection, CliEnvironment.ApplicationNamePrefix, token), held);
            if (survey is not Survey.OrphansAtWork { Orphans: [var orphan, ..] } || Stopwatch.GetElapsedTime(started) >= options.LockTimeout)
            {
                return survey;
            }

            if (reported != orphan.Pid)
            {
                reported = orphan.Pid;
                logger.WaitingForOrphan($"{orphan}", orphan.Query);
            }

            await Task.Delay(backoff.Next(), held);
        }
    }

    /// <summary>The CLI's exit code proves nothing; only the database does.</summary>
    /// <returns>Null when the database could not be seen at once after a signal or the loss of the lock, when there is no time to wait for it.</returns>
    private async Task<Verdict?> VerifyAsync(CliEnd end, CancellationToken held)
    {
        if (end is not (CliEnd.Stopped or CliEnd.LockLost))
        {
            return MigrationPlan.Decide(catalog, await database.InspectAsync(held));
        }

        using var brief = new CancellationTokenSource(SupervisedCli.CleanUpTime);
        try
        {
            return MigrationPlan.Decide(catalog, await database.InspectAsync(brief.Token).WaitAsync(brief.Token));
        }
        catch (Exception unknown) when (unknown is OperationCanceledException or DatabaseException)
        {
            return null;
        }
    }

    private Outcome Succeed(CliRun run, Verdict verdict, string done)
    {
        if (verdict is not Verdict.Matching matching)
        {
            // A seed of another release's CLI can end below what this image ships.
            return verdict is Verdict.Pending left
                ? new Outcome.AlterationsLeft(catalog, left.State, left.Alterations.Count)
                : Outcome.Of(verdict, catalog, options);
        }

        if (run.ExitCode != 0)
        {
            logger.CliFailedInVain(run.ExitCode, run.Complaint);
        }

        return new Outcome.Matches(catalog, matching.State, done);
    }

    private string Describe(CliRun run, CliEnd end) => end switch
    {
        CliEnd.TimedOut => $"Logto's CLI did not finish within {options.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS) and was stopped",
        CliEnd.LockLost => "The migration lock was lost, so Logto's CLI was stopped",
        CliEnd.ConnectionLost => "Logto's CLI lost its connection to the server without noticing and was stopped",
        _ => $"Logto's CLI failed with exit code {run.Ending}",
    };

    private static string Explain(string complaint) => complaint.Contains("unsupported startup parameter", StringComparison.Ordinal)
        ? $"{complaint}. Give PgBouncer the setting {SupervisedCli.PoolerSetting}, or connect to the server directly"
        : complaint;
}
