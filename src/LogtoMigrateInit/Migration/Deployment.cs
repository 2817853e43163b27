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
            // First of all: what such a session commits changes the state.
            if (await WaitForOrphansAsync(held.Token) is { } timedOut)
            {
                return timedOut;
            }

            var inspection = await database.InspectAsync(held.Token);
            return MigrationPlan.Decide(catalog, inspection) switch
            {
                Verdict.Pending pending => await DeployAsync(pending, inspection, migrationLock, held.Token, stop),
                Verdict.Empty when options.Seed => await SeedAsync(inspection, migrationLock, held.Token, stop),
                var settled => Outcome.Of(settled, catalog, options),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.LockLost();
        }
    }

    private async Task<Outcome> DeployAsync(
        Verdict.Pending pending, Inspection inspection, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var count = pending.Alterations.Count;
        logger.PlannedDeploy(count, catalog.Count, catalog.TargetVersion, $"{pending.State}", catalog.Last.FormattedTimestamp);

        var privileges = await database.WithConnectionAsync(PreflightQuery.ReadAsync, held);
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

    private async Task<Outcome> SeedAsync(Inspection inspection, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        logger.PlannedSeed(inspection.Database, catalog.TargetVersion);

        var privileges = await database.WithConnectionAsync(PreflightQuery.ReadAsync, held);
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

    /// <summary>A session of a killed run may still be working: its client is gone, and the server has not noticed yet.</summary>
    /// <returns>Null when there is none any more.</returns>
    private async Task<Outcome?> WaitForOrphansAsync(CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        int? reported = null;
        while (true)
        {
            var orphans = await database.WithConnectionAsync(
                (connection, token) => SessionQueries.FindOrphansAsync(connection, CliEnvironment.ApplicationNamePrefix, token), held);
            if (orphans.Count == 0)
            {
                return null;
            }

            var waited = Stopwatch.GetElapsedTime(started);
            if (waited >= options.LockTimeout)
            {
                return new Outcome.LockTimedOut(waited, $"{orphans[0]}, left by an earlier run, running: {orphans[0].Query}");
            }

            if (reported != orphans[0].Pid)
            {
                reported = orphans[0].Pid;
                logger.WaitingForOrphan($"{orphans[0]}", orphans[0].Query);
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
        _ => $"Logto's CLI failed with exit code {run.ExitCode}",
    };

    private static string Explain(string complaint) => complaint.Contains("unsupported startup parameter", StringComparison.Ordinal)
        ? $"{complaint}. Give PgBouncer the setting {SupervisedCli.PoolerSetting}, or connect to the server directly"
        : complaint;
}
