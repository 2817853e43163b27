using System.Diagnostics;
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
internal sealed class AlterationRehearsal(
    GateOptions options, AlterationCatalog catalog, LogtoDatabase database, DirectServer source, ScratchPlace place, DatabaseCopy copies, CliFolder cliFolder, ScratchCli cli,
    ExpectedSchema afterwards, RehearsalFindings findings, WatchedInspection watched, ILogger logger)
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
                using var folder = await cliFolder.TakeAsync(held);
                if (folder is null)
                {
                    return new RehearsalResult.Impossible(cliFolder.WhyBusy);
                }

                logger.Rehearsing(job.Alterations.Count, mode == RehearsalMode.Full ? "all rows" : "the rows of small tables", identity.Bytes / 1048576.0);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(held);
                string? name = null;
                var free = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); // the scripts, for the second CLI
                var expecting = ExpectOrCancelAsync();
                try
                {
                    var (tables, objects, searchPath) = await source.Database.WithConnectionAsync(
                        (connection, token) => watched.WatchAsync(SchemaObjects.ReadWithSizesAsync(connection, inspection.Schema!, token)), either.Token);
                    var started = Stopwatch.GetTimestamp();
                    var grants = await copies.MakeAsync(scratch, rights, programs, tables, backup, mode, made => name = made, either.Token);
                    var there = scratch.Server.Options.ForDatabase(name!, searchPath) with { DeployTimeout = Limit() };
                    await cli.RemoveLeftOversAsync(there, job, either.Token); // no alteration's doing, so before the trace
                    await using var copy = new LogtoDatabase(there, logger);
                    await PrepareAsync(copy, inspection.Schema!, roles, grants, name!, either.Token);
                    var secondsToCopy = Stopwatch.GetElapsedTime(started).TotalSeconds;

                    // Node.js needs longer to read the CLI than the CLI for most of its work.
                    var begun = Stopwatch.GetTimestamp();
                    var run = await cli.RunAsync(there, job, folder, either.Token, turn: Task.WhenAny(expecting, free.Task));
                    var report = new RehearsalReport
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
                        SecondsToRun = (Stopwatch.GetElapsedTime(begun) - run.Waited).TotalSeconds,
                        Alterations = [],
                        Losses = [],
                        Tables = tables,
                        WithoutRows = mode == RehearsalMode.Full ? [] : DatabaseCopy.WithoutRows(tables),
                        Rows = null,
                        WithBeforeDown = [.. job.Alterations.Where(alteration => catalog.Names(alteration, ConcurrentIndex.BeforeDown))],
                        Drift = null,
                    };
                    return new RehearsalResult.Done(await findings.AddAsync(report, job, run, objects, await expecting, copy, there, either.Token));
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
                async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ExpectOrCancelAsync()
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
}
