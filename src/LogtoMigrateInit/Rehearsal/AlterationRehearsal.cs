using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
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
/// A deploy or a rollback on a throw-away copy: copy → trace → the target's CLI → compare → drop; and, while it copies and the CLI starts,
/// what the schema should be afterwards. The real database is only read.
/// </summary>
internal sealed partial class AlterationRehearsal(
    GateOptions options, AlterationCatalog catalog, LogtoDatabase database, DirectServer source, ScratchPlace place, DatabaseCopy copies, CliFolder cliFolder, ScratchCli cli,
    ExpectedSchema afterwards, WatchedInspection watched, ILogger logger)
{
    /// <param name="job">What is to be done.</param>
    /// <param name="state">Of the real database.</param>
    /// <param name="version">The release that it leads to.</param>
    /// <param name="roles">Logto's roles for the database that exist; see <see cref="Privileges.Roles"/>.</param>
    /// <param name="backup">A backup of this moment; null: there is none.</param>
    /// <param name="earlier">Before a rollback, a backup that was made at the level to which it goes; null: there is none.</param>
    /// <param name="mode">Which rows are copied.</param>
    /// <param name="held">Ends it, and everything that it has made is dropped.</param>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task<RehearsalResult> RunAsync(
        CliJob job, AlterationState state, string version, IReadOnlyList<string> roles, string? backup, string? earlier, RehearsalMode mode, CancellationToken held) =>
        await place.UseAsync<RehearsalResult>(
            async (scratch, rights) =>
            {
                var programs = await PostgresPrograms.FindAsync(options.PostgresPrograms, held);
                var (identity, problem) = await source.ExamineAsync(database, held);
                programs.RequireFor(identity.ServerVersion);
                if (problem is not null || (problem = WhyTooLarge(identity, mode, job.IsRollback)) is not null)
                {
                    return new RehearsalResult.Impossible(problem);
                }

                var inspection = job.Database;
                var (tables, objects, searchPath) = await source.Database.WithConnectionAsync(
                    (connection, token) => watched.WatchAsync(SchemaObjects.ReadWithSizesAsync(connection, inspection.Schema!, token)), held);
                using var folder = await cliFolder.TakeAsync(held);
                if (folder is null)
                {
                    return new RehearsalResult.Impossible(cliFolder.WhyBusy);
                }

                logger.Rehearsing(job.Alterations.Count, mode == RehearsalMode.Full ? "all rows" : "the rows of small tables", identity.Bytes / 1048576.0);
                var started = Stopwatch.GetTimestamp();
                using var either = CancellationTokenSource.CreateLinkedTokenSource(held);
                string? name = null;
                var free = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); // the scripts, for the second CLI
                var expecting = ExpectOrCancelAsync();
                try
                {
                    var grants = await copies.MakeAsync(scratch, rights, programs, tables, backup, mode, made => name = made, either.Token);
                    var there = scratch.Server.Options.ForDatabase(name!, searchPath) with { DeployTimeout = Limit() };
                    await using var copy = new LogtoDatabase(there, logger);
                    await PrepareAsync(copy, inspection.Schema!, roles, grants, name!, held);
                    var secondsToCopy = Stopwatch.GetElapsedTime(started).TotalSeconds;
                    return new RehearsalResult.Done(await RunAsync(job, objects, there, copy, folder, new RehearsalReport
                    {
                        Database = options.Database,
                        State = state,
                        Version = version,
                        IsRollback = job.IsRollback,
                        ServerVersion = rights.ServerVersion,
                        Mode = mode,
                        Planned = job.Alterations.Count,
                        Failure = null,
                        SecondsToCopy = secondsToCopy,
                        SecondsToRun = 0,
                        Alterations = [],
                        Losses = [],
                        Tables = tables,
                        WithoutRows = mode == RehearsalMode.Full ? [] : DatabaseCopy.WithoutRows(tables),
                        Rows = null,
                        WithBeforeDown = [.. job.Alterations.Where(alteration => catalog.Names(alteration, ConcurrentIndex.BeforeDown))],
                        Drift = null,
                    }, expecting, free.Task, either.Token));
                }
                catch (OperationCanceledException) when (either.IsCancellationRequested && !held.IsCancellationRequested)
                {
                    await expecting; // has failed
                    throw;
                }
                finally
                {
                    await either.CancelAsync();
                    await expecting.ContinueWith(_ => { }, TaskScheduler.Default);
                    if (name is not null)
                    {
                        await scratch.DropAsync(name, held);
                    }
                }

                // Without it nothing is worth copying.
                async Task<(IReadOnlyList<SchemaObject>? Expected, string? WhyNot)> ExpectOrCancelAsync()
                {
                    try
                    {
                        return await afterwards.ReadAsync(job, scratch, rights, programs, roles, earlier, folder, free.SetResult, either.Token, held);
                    }
                    catch
                    {
                        await either.CancelAsync();
                        throw;
                    }
                }
            },
            reason => new RehearsalResult.Impossible(reason), held);

    private string? WhyTooLarge(ServerIdentity identity, RehearsalMode mode, bool isRollback)
    {
        const long Megabyte = 1024 * 1024;
        return mode == RehearsalMode.Full && options.ScratchMegabytes > 0 && identity.Bytes > options.ScratchMegabytes * Megabyte
            ? $"the database '{options.Database}' has {identity.Bytes / Megabyte} MB, and a copy with its rows may have {options.ScratchMegabytes} (LOGTO_INIT_SCRATCH_MAX_MB): make sure of the room on the server and set that higher, or rehearse without rows (--schema-only{(isRollback ? "" : ", LOGTO_INIT_REHEARSE=schema")})"
            : null;
    }

    /// <summary>The shorter of the two limits; zero is none.</summary>
    private TimeSpan Limit() => options.RehearsalLimit == TimeSpan.Zero || (options.DeployTimeout > TimeSpan.Zero && options.DeployTimeout < options.RehearsalLimit)
        ? options.DeployTimeout
        : options.RehearsalLimit;

    /// <summary>Makes the copy what the real database is: its roles and rights under names of its own, its statistics; and begins to trace.</summary>
    private async Task PrepareAsync(LogtoDatabase copy, string schema, IReadOnlyList<string> roles, IReadOnlyList<string> grants, string name, CancellationToken held)
    {
        var copied = new CopiedRoles(options.Database, name);
        await using var restored = await RestoredDatabase.OpenAsync(copy, NullLogger.Instance, held); // what the copy lacks of other roles' rights is nobody's loss
        await DatabaseCopy.GiveRightsAsync(copied, restored, roles, grants, held);
        await restored.AnalyzeAsync(held);
        await AlterationTrace.InstallAsync(restored.Connection, schema, held);
    }

    private async Task<RehearsalReport> RunAsync(
        CliJob job, IReadOnlyList<SchemaObject> before, GateOptions there, LogtoDatabase copy, FolderLock folder, RehearsalReport report,
        Task<(IReadOnlyList<SchemaObject>? Expected, string? WhyNot)> expecting, Task free, CancellationToken held)
    {
        var schema = job.Database.Schema!;
        var started = Stopwatch.GetTimestamp();
        var run = await cli.RunAsync(there, job, folder, held, turn: Task.WhenAny(expecting, free)); // Node.js needs longer to read the CLI than the CLI for most of its work
        report = report with { SecondsToRun = (Stopwatch.GetElapsedTime(started) - run.Waited).TotalSeconds };
        var (expected, whyNot) = await expecting;
        var (state, traced, found) = await copy.WithConnectionAsync(
            async (connection, token) => (
                (await InspectionQuery.ReadAsync(connection, token)).State,
                await AlterationTrace.ReadAsync(connection, token),
                await SchemaObjects.ReadAsync(connection, schema, token)),
            held);
        var names = new RealNames(before);
        var (alterations, lost) = NameAsReal(RehearsedAlteration.Of(traced, job), names, new CopiedRoles(options.Database, there.Database));
        report = report with
        {
            Alterations = alterations,
            Losses = await CountAsync(lost, before, held),
            Drift = expected is null ? new RehearsedDrift(null, whyNot) : null,
            SecondsToRun = report.SecondsToRun - traced.Sum(alteration => (alteration.Resumed - alteration.Ended).TotalSeconds), // without the trace's own time
        };
        if ((state is null ? job.Alterations : job.LeftAt(state)) is [var next, ..])
        {
            var failed = job.Alterations.FirstOrDefault(alteration => alteration.FileName == run.Failed) ?? next;
            return report with { Failure = new RehearsalFailure(failed.FileName, $"{Explain(run, job)}{(job.IsRollback ? await WorksOnAsync(failed, run.Complaint, report.Tables, held) : "")}") };
        }

        report = report with { After = Drift.Normalise(found, there.Database, options.Database) };
        if (job.IsRollback && report.Mode == RehearsalMode.Full)
        {
            report = report with { Rows = await ComparedRows.ReadAsync(source.Database, copy, schema, before, names, held) };
        }

        if (expected is null)
        {
            return report;
        }

        var drift = Drift.Compare(expected, report.After);
        return report with
        {
            Drift = new RehearsedDrift(drift, null),

            // To what a rollback leaves otherwise there is another way back, and the operator decides.
            Failure = drift.LacksSomething && !job.IsRollback
                ? new RehearsalFailure(null, $"afterwards the schema is not what Logto {catalog.TargetVersion} itself creates: {DriftText.Some(drift)} (`logto-migrate-init rehearse --schema-only` names all, and what mends them)")
                : null,
        };
    }

    /// <summary>What the operator has to look at: tables that the script names, with their rows.</summary>
    private async Task<string> WorksOnAsync(Alteration alteration, string complaint, IReadOnlyList<TableSize> tables, CancellationToken held)
    {
        const int Few = 3;
        var named = tables.Where(table => catalog.Names(alteration, table.Name)).OrderByDescending(table => complaint.Contains(table.Name, StringComparison.Ordinal)).Take(Few).ToArray();
        return named.Length == 0 ? "" : await source.Database.WithConnectionAsync(
            async (connection, token) =>
            {
                var counted = new List<string>();
                foreach (var table in named)
                {
                    counted.Add($"{table.Name} ({(await TableSizes.CountAsync(connection, "table", table.Name, token))?.ToString(CultureInfo.InvariantCulture) ?? "uncounted"} rows)");
                }

                return $"; it works on {string.Join(", ", counted)}";
            },
            held);
    }

    private string Explain(CliRun run, CliJob job) => run.End switch
    {
        CliEnd.TimedOut when options.RehearsalLimit > TimeSpan.Zero && Limit() == options.RehearsalLimit =>
            $"it took longer than {options.RehearsalLimit.TotalSeconds:0} s (LOGTO_INIT_REHEARSE_MAX_SECONDS)",
        CliEnd.TimedOut => $"it took longer than {options.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
        CliEnd.ByItself when run.GuardsReason is { } reason => $"Logto's CLI was ended by its guard, because {reason}",
        CliEnd.ByItself when run.ExitCode == 0 => $"Logto's CLI reported success, and it is still {(job.IsRollback ? "deployed" : "pending")}",
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
                select new Loss(change.Kind, real, alteration.Alteration, null, null));
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
    private async Task<IReadOnlyList<Loss>> CountAsync(IReadOnlyList<Loss> losses, IReadOnlyList<SchemaObject> before, CancellationToken held) => losses.Count == 0 ? [] : await source.Database.WithConnectionAsync<IReadOnlyList<Loss>>(
        async (connection, token) =>
        {
            var counted = new List<Loss>();
            foreach (var loss in losses)
            {
                var fallback = before.FirstOrDefault(each => each.Kind == "default" && each.Name == loss.Name)?.Definition;
                counted.Add(loss with
                {
                    Values = await TableSizes.CountAsync(connection, loss.Kind, loss.Name, token),
                    NotDefault = fallback is not null && ConstantDefault().IsMatch(fallback) ? await TableSizes.CountOthersAsync(connection, loss.Name, fallback, token) : null,
                });
            }

            return counted;
        },
        held);

    // A literal with or without a cast; what a function gives may be another one at each call.
    [GeneratedRegex(@"^(?:'(?:''|[^'])*'|-?[0-9.]+|\(-[0-9.]+\)|true|false)(?:::[\w\s\[\]"".,()]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex ConstantDefault();
}
