using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What came of a rehearsal. The cases: <see cref="Done"/>, <see cref="Impossible"/>.</summary>
internal abstract record RehearsalResult
{
    private RehearsalResult()
    {
    }

    /// <summary>It was made; whether the upgrade works is in the report.</summary>
    public sealed record Done(RehearsalReport Report) : RehearsalResult;

    /// <summary>It could not be made.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Impossible(string Reason) : RehearsalResult;
}

/// <summary>
/// The deploy on a throw-away copy: copy (and, meanwhile, the target's own seed) → trace → the target's CLI → compare → drop. The real
/// database is only read.
/// </summary>
internal sealed class UpgradeRehearsal(
    GateOptions options, AlterationCatalog catalog, LogtoDatabase database, DirectServer source, ScratchPlace place, DatabaseCopy copies, ScratchCli cli, TargetSchema target,
    WatchedInspection watched, ILogger logger)
{
    /// <param name="pending">What is to be deployed.</param>
    /// <param name="inspection">The real database.</param>
    /// <param name="roles">Logto's roles for it that exist; see <see cref="Privileges.Roles"/>.</param>
    /// <param name="backup">A backup of this moment; null: there is none.</param>
    /// <param name="mode">Which rows are copied.</param>
    /// <param name="held">Ends it, and everything that it has made is dropped.</param>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<RehearsalResult> RunAsync(
        Verdict.Pending pending, Inspection inspection, IReadOnlyList<string> roles, string? backup, RehearsalMode mode, CancellationToken held) =>
        await place.UseAsync<RehearsalResult>(
            async (scratch, rights) =>
            {
                var programs = await PostgresPrograms.FindAsync(options.PostgresPrograms, held);
                var (identity, problem) = await source.ExamineAsync(database, held);
                programs.RequireFor(identity.ServerVersion);
                if (problem is not null || (problem = WhyTooLarge(identity, mode)) is not null)
                {
                    return new RehearsalResult.Impossible(problem);
                }

                var (tables, objects, searchPath) = await source.Database.WithConnectionAsync(
                    (connection, token) => watched.WatchAsync(SchemaObjects.ReadWithSizesAsync(connection, inspection.Schema!, token)), held);
                logger.Rehearsing(pending.Alterations.Count, mode == RehearsalMode.Full ? "all rows" : "the rows of small tables", identity.Bytes / 1048576.0);
                var started = Stopwatch.GetTimestamp();
                using var either = CancellationTokenSource.CreateLinkedTokenSource(held);
                string? name = null;
                var seeding = SeedAsync(scratch, rights, inspection, either.Token, held);
                try
                {
                    var making = copies.MakeAsync(scratch, rights, programs, tables, backup, mode, made => name = made, either.Token);
                    if (await Task.WhenAny(making, seeding) == seeding && !seeding.IsCompletedSuccessfully)
                    {
                        await either.CancelAsync(); // nothing is worth copying then
                        await making.ContinueWith(_ => { }, TaskScheduler.Default);
                        await seeding;
                    }

                    var grants = await making;
                    var there = scratch.Server.Options.ForDatabase(name!, searchPath) with { DeployTimeout = Limit() };
                    await using var copy = new LogtoDatabase(there, logger);
                    await PrepareAsync(copy, inspection.Schema!, roles, grants, name!, held);
                    var secondsToCopy = Stopwatch.GetElapsedTime(started).TotalSeconds;
                    var (expected, whyNot) = await seeding; // two CLIs in one folder destroy each other's scripts
                    return new RehearsalResult.Done(await DeployAsync(pending, inspection, objects, there, copy, new RehearsalReport
                    {
                        Database = options.Database,
                        State = pending.State,
                        Catalog = catalog,
                        ServerVersion = rights.ServerVersion,
                        Mode = mode,
                        Planned = pending.Alterations.Count,
                        Failure = null,
                        SecondsToCopy = secondsToCopy,
                        SecondsToDeploy = 0,
                        Alterations = [],
                        Losses = [],
                        Tables = tables,
                        WithoutRows = mode == RehearsalMode.Full ? [] : DatabaseCopy.WithoutRows(tables),
                        Drift = expected is null ? new RehearsedDrift(null, whyNot) : null,
                    }, expected, held));
                }
                finally
                {
                    await either.CancelAsync();
                    await seeding.ContinueWith(_ => { }, TaskScheduler.Default);
                    if (name is not null)
                    {
                        await scratch.DropAsync(name, held);
                    }
                }
            },
            reason => new RehearsalResult.Impossible(reason), held);

    private string? WhyTooLarge(ServerIdentity identity, RehearsalMode mode)
    {
        const long Megabyte = 1024 * 1024;
        return mode == RehearsalMode.Full && options.ScratchMegabytes > 0 && identity.Bytes > options.ScratchMegabytes * Megabyte
            ? $"the database '{options.Database}' has {identity.Bytes / Megabyte} MB, and a copy with its rows may have {options.ScratchMegabytes} (LOGTO_INIT_SCRATCH_MAX_MB): make sure of the room on the server and set that higher, or rehearse without rows (--schema-only, LOGTO_INIT_REHEARSE=schema)"
            : null;
    }

    /// <summary>The shorter of the two limits; zero is none.</summary>
    private TimeSpan Limit() => options.RehearsalLimit == TimeSpan.Zero || (options.DeployTimeout > TimeSpan.Zero && options.DeployTimeout < options.RehearsalLimit)
        ? options.DeployTimeout
        : options.RehearsalLimit;

    /// <returns>What the target creates; or null, and why it cannot be compared.</returns>
    private async Task<(IReadOnlyList<SchemaObject>? Expected, string? WhyNot)> SeedAsync(ScratchServer scratch, ClusterRights rights, Inspection inspection, CancellationToken token, CancellationToken stop)
    {
        if (rights.ServerVersion / 10000 != inspection.ServerVersion / 10000)
        {
            return (null, ScratchPlace.OtherMajor(rights.ServerVersion, inspection.ServerVersion));
        }

        return (await target.ReadAsync(scratch, token, stop), null);
    }

    /// <summary>Makes the copy what the real database is: its roles and rights under names of its own, its statistics; and begins to trace.</summary>
    private async Task PrepareAsync(LogtoDatabase copy, string schema, IReadOnlyList<string> roles, IReadOnlyList<string> grants, string name, CancellationToken held)
    {
        var copied = new CopiedRoles(options.Database, name);
        await using var restored = await RestoredDatabase.OpenAsync(copy, NullLogger.Instance, held); // what the copy lacks of other roles' rights is nobody's loss
        await copied.MakeAsync(restored.Connection, roles, held);
        await restored.GrantAsync(grants.Select(grant => RestorePlan.RenameRoles(grant, copied.NameFor)), _ => false, RestorePlan.RolesIn, held);
        await restored.AnalyzeAsync(held);
        await AlterationTrace.InstallAsync(restored.Connection, schema, held);
    }

    private async Task<RehearsalReport> DeployAsync(
        Verdict.Pending pending, Inspection inspection, IReadOnlyList<SchemaObject> before, GateOptions there, LogtoDatabase copy, RehearsalReport report, IReadOnlyList<SchemaObject>? expected,
        CancellationToken held)
    {
        var started = Stopwatch.GetTimestamp();
        var run = await cli.RunAsync(there, ["db", "alteration", "deploy", "next"], pending.Alterations, pending.State, held);
        report = report with { SecondsToDeploy = Stopwatch.GetElapsedTime(started).TotalSeconds };
        var (state, traced, found) = await copy.WithConnectionAsync(
            async (connection, token) => (
                (await InspectionQuery.ReadAsync(connection, token)).State,
                await AlterationTrace.ReadAsync(connection, token),
                await SchemaObjects.ReadAsync(connection, inspection.Schema!, token)),
            held);
        var (alterations, lost) = NameAsReal(RehearsedAlteration.Of(traced, pending.Alterations), new RealNames(before), new CopiedRoles(options.Database, there.Database));
        report = report with
        {
            Alterations = alterations,
            Losses = await CountAsync(lost, held),
            SecondsToDeploy = report.SecondsToDeploy - traced.Sum(alteration => (alteration.Resumed - alteration.Ended).TotalSeconds), // without the trace's own time
        };
        var left = state is null ? pending.Alterations : catalog.PendingAfter(state);
        if (left.Count > 0)
        {
            return report with { Failure = new RehearsalFailure(run.Failed ?? left[0].FileName, Explain(run)) };
        }

        if (expected is null)
        {
            return report;
        }

        var drift = Drift.Compare(expected, Drift.Normalise(found, there.Database, options.Database));
        return report with
        {
            Drift = new RehearsedDrift(drift, null),
            Failure = drift.LacksSomething
                ? new RehearsalFailure(null, $"afterwards the schema is not what Logto {catalog.TargetVersion} itself creates: {DriftText.Some(drift)} (`logto-migrate-init rehearse --schema-only` names all, and what mends them)")
                : null,
        };
    }

    private string Explain(CliRun run) => run.End switch
    {
        CliEnd.TimedOut when options.RehearsalLimit > TimeSpan.Zero && Limit() == options.RehearsalLimit =>
            $"it took longer than {options.RehearsalLimit.TotalSeconds:0} s (LOGTO_INIT_REHEARSE_MAX_SECONDS)",
        CliEnd.TimedOut => $"it took longer than {options.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
        CliEnd.ByItself when run.GuardsReason is { } reason => $"Logto's CLI was ended by its guard, because {reason}",
        CliEnd.ByItself when run.ExitCode == 0 => "Logto's CLI reported success, and it is still pending",
        CliEnd.ByItself => $"{run.Complaint.TrimEnd('.')} (Logto's CLI, exit code {run.Ending})",
        _ => "the connection to the copy was lost; start again",
    };

    /// <summary>Tables and roles under the names that they have in the real database, and what of it is dropped.</summary>
    private static (IReadOnlyList<RehearsedAlteration> Alterations, IReadOnlyList<Loss> Losses) NameAsReal(IReadOnlyList<RehearsedAlteration> alterations, RealNames names, CopiedRoles copied)
    {
        var (named, losses) = (new List<RehearsedAlteration>(), new List<Loss>());
        foreach (var alteration in alterations)
        {
            losses.AddRange(
                from change in alteration.Changes
                where change.What == ChangeKind.Dropped
                let real = names.Of(change.Kind, change.Name)
                where real is not null
                select new Loss(change.Kind, real, alteration.Alteration, null));
            named.Add(alteration with
            {
                Locks = [.. alteration.Locks.Select(held => held with { Real = names.Of("table", held.Table) })],
                Changes = [.. alteration.Changes.Select(change => change.Kind == "grant" ? change with { Name = copied.RealNames(change.Name) } : change)],
            });
            names.Follow(alteration);
        }

        return (named, losses);
    }

    /// <summary>What is dropped is counted where the real rows are, before anything happens to them.</summary>
    private async Task<IReadOnlyList<Loss>> CountAsync(IReadOnlyList<Loss> losses, CancellationToken held) => losses.Count == 0 ? [] : await source.Database.WithConnectionAsync<IReadOnlyList<Loss>>(
        async (connection, token) =>
        {
            var counted = new List<Loss>();
            foreach (var loss in losses)
            {
                counted.Add(loss with { Values = await TableSizes.CountAsync(connection, loss.Kind, loss.Name, token) });
            }

            return counted;
        },
        held);
}
