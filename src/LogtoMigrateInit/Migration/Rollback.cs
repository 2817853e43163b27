using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// The way back to an older release, under the lock: inspect → plan → nobody else there → back up → rehearse on a copy → say what is lost and
/// ask → the newer image's own CLI → verify. Up to the CLI nothing of the operator's is changed.
/// </summary>
internal sealed class Rollback(
    GateOptions options, LogtoInstallation installation, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, OtherRuns others, CliFolder cliFolder,
    SupervisedCli cli, LeftOvers leftOvers, Backup backup, AlterationRehearsal rehearsal, ILogger logger)
{
    private static readonly TimeSpan SessionInterval = TimeSpan.FromMilliseconds(200);

    /// <param name="version">See <see cref="RollbackPlan.IsVersion"/>.</param>
    /// <param name="mode">Which rows are copied for the rehearsal.</param>
    /// <param name="seen">Gets what the rehearsal has shown, also when it failed.</param>
    /// <param name="confirm">Asks the operator; called when all is said that he needs to know.</param>
    /// <param name="migrationLock">Held.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public async Task<Outcome> RunAsync(string version, RehearsalMode mode, Func<RehearsalReport, Task> seen, Func<string, bool> confirm, MigrationLock migrationLock, CancellationToken stop)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, migrationLock.Lost);
        try
        {
            var started = Stopwatch.GetTimestamp();
            return await others.SurveyAsync(started, migrationLock, held.Token) switch
            {
                Survey.Clear clear => await RunAsync(clear, version, mode, seen, confirm, migrationLock, held.Token, stop),
                Survey.OthersAtWork { Sessions: [var other, ..] } =>
                    new Outcome.LockTimedOut(Stopwatch.GetElapsedTime(started), $"{other}, left by an earlier run, running: {other.Query}"),
                _ => throw new UnreachableException(),
            };
        }
        catch (OperationCanceledException) when (migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.RollbackRefused("the migration lock was lost, because its connection broke or this machine stood still; start again");
        }
    }

    private async Task<Outcome> RunAsync(
        Survey.Clear survey, string version, RehearsalMode mode, Func<RehearsalReport, Task> seen, Func<string, bool> confirm, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var (inspection, privileges) = survey;
        var verdict = MigrationPlan.Decide(catalog, inspection);
        if (verdict is Verdict.Empty or Verdict.Foreign or Verdict.Damaged)
        {
            return Outcome.Of(verdict, catalog, options);
        }

        var state = inspection.State!; // every other verdict has read one
        switch (RollbackPlan.Decide(catalog, version, state))
        {
            case RollbackPlan.Refused refused:
                return new Outcome.RollbackRefused(refused.Reason);
            case RollbackPlan.AlreadyThere there:
                return new Outcome.AtLevel(version, state, there.Level);
            case RollbackPlan.Steps steps:
                return await RunAsync(steps, state, inspection, privileges, version, mode, seen, confirm, migrationLock, held, stop);
            default:
                throw new UnreachableException();
        }
    }

    private async Task<Outcome> RunAsync(
        RollbackPlan.Steps steps, AlterationState state, Inspection inspection, Privileges privileges, string version, RehearsalMode mode, Func<RehearsalReport, Task> seen, Func<string, bool> confirm, MigrationLock migrationLock,
        CancellationToken held, CancellationToken stop)
    {
        logger.PlannedRollback(steps.Alterations.Count, version, $"{state}", $"{steps.StateAfter}");
        if (WhyImpossible(inspection, privileges) is { } impossible)
        {
            return impossible;
        }

        if (await FindSessionsAsync(migrationLock, held) is { Count: > 0 } inTheWay)
        {
            return new Outcome.RollbackRefused(Describe(inTheWay));
        }

        var backedUp = await backup.MakeAsync(state, held);
        if (backedUp is BackupResult.Failed failed)
        {
            return new Outcome.BackupFailed(failed.Reason, "rolled back");
        }

        var made = (BackupResult.Made)backedUp;
        var job = CliJob.Rollback(version, steps.Alterations, inspection);
        var earlier = backup.FindAtLevel(made.Record, steps.Level.Timestamp);
        var rehearsed = await rehearsal.RunAsync(job, state, version, privileges.Roles, made.Path, earlier?.Path, mode, held);
        if (rehearsed is RehearsalResult.Impossible { Reason: var reason })
        {
            return new Outcome.RollbackNotRehearsed(version, reason);
        }

        var report = ((RehearsalResult.Done)rehearsed).Report;
        await seen(report);
        if (report.Failure is { } failure)
        {
            return new Outcome.RollbackWouldFail(version, failure.Alteration, failure.Reason, earlier is { } other ? (BackupResult.RestoreCommandFor(other.Path), other.Record.TakenAt) : null);
        }

        foreach (var loss in RehearsalSummary.AllLosses(report))
        {
            logger.RollbackLoses(loss);
        }

        if (!confirm($"Revert {Count(steps.Alterations.Count)} of the database '{options.Database}', back to Logto {version}?"))
        {
            return new Outcome.RollbackRefused("it was not confirmed; read what is lost in the report above, and add --yes, or answer y at a terminal");
        }

        // Somebody may have started Logto while we copied and asked.
        return await FindSessionsAsync(migrationLock, held) is { Count: > 0 } late
            ? new Outcome.RollbackRefused(Describe(late))
            : (await RevertAsync(job, steps, report, version, migrationLock, held, stop)).WithWayBack(made.Restore);
    }

    private Outcome? WhyImpossible(Inspection inspection, Privileges privileges) =>
        inspection.BehindPooler
            ? new Outcome.RollbackRefused($"a connection pooler answers at {options.Host}:{options.Port}, behind which nobody can see who still works in the database; let DB_URL name the server itself for this command")
            : inspection.InRecovery || inspection.ReadOnly
                ? new Outcome.RollbackRefused($"the server at {options.Host}:{options.Port} is {(inspection.InRecovery ? "in recovery (a standby)" : "read-only")}; let DB_URL name the primary, or turn off default_transaction_read_only")
                : Preflight.WhyImpossible(Preflight.OfDeploy(inspection, privileges, []), inspection, options, installation) is not { } problem ? null
                : problem is Outcome.PreflightFailed { Problems: var problems } ? new Outcome.RollbackRefused(string.Join("; ", problems))
                : problem;

    /// <summary>Who else is connected. A session that is about to end, such as our own last one, is given a moment.</summary>
    private async Task<IReadOnlyList<ServerSession>> FindSessionsAsync(MigrationLock migrationLock, CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var sessions = await database.WithConnectionAsync(
                (connection, token) => ClusterQueries.FindSessionsAsync(connection, options.Database, [migrationLock.Pid, connection.ProcessID], token), held);
            if (sessions.Count == 0 || Stopwatch.GetElapsedTime(started) > Timings.CleanUpStep)
            {
                return sessions;
            }

            await Task.Delay(SessionInterval, held);
        }
    }

    private static string Describe(IReadOnlyList<ServerSession> sessions)
    {
        const int Few = 3;
        return $"{sessions.Count} {(sessions.Count == 1 ? "other session is" : "other sessions are")} in the database ({string.Join("; ", sessions.Take(Few))}{(sessions.Count > Few ? "; …" : "")}), and a Logto that runs would work on a schema that it does not know; stop Logto and whatever starts it again, a gate that waits included, and start again{(sessions.Any(session => session.Query == "<hidden>") ? " (a worker of an extension may be among them: after `grant pg_read_all_stats` to this user those are told apart)" : "")}";
    }

    /// <summary>Begins again as long as the CLI fails only because it found no connection: what it has reverted is complete.</summary>
    private async Task<Outcome> RevertAsync(
        CliJob job, RollbackPlan.Steps steps, RehearsalReport report, string version, MigrationLock migrationLock, CancellationToken held, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        var count = steps.Alterations.Count;
        var begun = false;
        int? reverted = null;
        try
        {
            while (true)
            {
                using var folder = await cliFolder.TakeAsync(held);
                var first = job.Alterations[0];
                if (folder is null)
                {
                    return begun ? Failed(first, $"another process has the folder of Logto's CLI, {installation.CliDirectory}") : new Outcome.FolderBusy(installation.CliDirectory, options.LockTimeout);
                }

                if (await leftOvers.RemoveAsync(first, catalog.IndexesOf(first, reverted: true), behindPooler: false, migrationLock, held) is { Count: > 0 } inTheWay)
                {
                    return begun ? Failed(first, string.Join("; ", inTheWay)) : new Outcome.RollbackRefused(string.Join("; ", inTheWay));
                }

                (begun, reverted) = (true, null);
                var run = await cli.RunAsync(job, folder, migrationLock, stop);
                if (run.End == CliEnd.Stopped)
                {
                    throw new OperationCanceledException(stop);
                }

                if ((await watched.ReadAsync(held)).State is not { } state)
                {
                    return Failed(null, $"{Reason(run)}, and the state cannot be read any more");
                }

                var left = job.LeftAt(state);
                reverted = count - left.Count;
                if (left.Count == 0)
                {
                    return await VerifyAsync(steps, state, report, version, held);
                }

                await leftOvers.RemoveAfterFailureAsync(left[0], catalog.IndexesOf(left[0], reverted: true), behindPooler: false, migrationLock);
                if (!run.FoundNoConnection || Stopwatch.GetElapsedTime(started) > options.ConnectTimeout)
                {
                    return Failed(left.FirstOrDefault(alteration => alteration.FileName == run.Failed) ?? left[0], Reason(run));
                }

                job = CliJob.Rollback(version, left, job.Database);
                logger.RetryingConnection();
                await Task.Delay(backoff.Next(ServerLoad.Full), held);
            }
        }
        catch (OperationCanceledException) when (begun && migrationLock.Lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return Failed(null, "the migration lock was lost, because its connection broke or this machine stood still");
        }
        catch (Exception gone) when (begun && gone is not OperationCanceledException && DatabaseException.From(gone) is { } refusal)
        {
            return Failed(null, $"the database could not be looked at afterwards ({refusal.Message.TrimEnd('.')}; {refusal.Remedy})");
        }

        Outcome.RollbackFailed Failed(Alteration? next, string reason) => new(version, reverted, count, next?.FileName, reason);
    }

    /// <summary>The CLI's word proves nothing: the state and the schema do, which the rehearsal has shown before.</summary>
    private async Task<Outcome> VerifyAsync(RollbackPlan.Steps steps, AlterationState state, RehearsalReport report, string version, CancellationToken held)
    {
        var (serverVersion, found) = await database.WithConnectionAsync(
            async (connection, token) =>
            {
                var inspection = await watched.WatchAsync(InspectionQuery.ReadAsync(connection, token));
                return (inspection.ServerVersion, Drift.Normalise(await SchemaObjects.ReadAsync(connection, inspection.Schema!, token), options.Database, options.Database));
            },
            held);

        if (serverVersion / 10000 != report.ServerVersion / 10000)
        {
            logger.RolledBackUncompared(ScratchPlace.OtherMajor(report.ServerVersion, serverVersion));
            return new Outcome.RolledBack(version, state, Count(steps.Alterations.Count), report.Unchanging);
        }

        // Owners and rights of other roles are not in a copy.
        var different = Drift.Compare(report.After, found).Differences.Where(difference => difference.What != Difference.Added && difference.Kind is not ("owner" or "grant")).ToArray();
        return different is [var first, ..]
            ? new Outcome.RollbackFailed(version, steps.Alterations.Count, steps.Alterations.Count, null, $"the state is {state}, and the schema is not what it was on the copy: {DriftText.Of(first)}{(different.Length > 1 ? $", and {different.Length - 1} more" : "")}")
            : new Outcome.RolledBack(version, state, Count(steps.Alterations.Count), report.Unchanging);
    }

    private string Reason(CliRun run) => $"{CliEndings.Describe(run, options)}{(CliEndings.Explain(run) is { Length: > 0 } said ? $": {said}" : "")}";

    private static string Count(int alterations) => $"{alterations} {(alterations == 1 ? "alteration" : "alterations")}";
}
