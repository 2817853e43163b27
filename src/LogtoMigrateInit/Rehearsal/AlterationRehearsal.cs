using System.Diagnostics;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The result of a rehearsal. The cases: <see cref="Done"/>, <see cref="Impossible"/>.</summary>
internal abstract record RehearsalResult
{
    private RehearsalResult()
    {
    }

    /// <summary>The rehearsal ran; its report says whether the upgrade works.</summary>
    public sealed record Done(RehearsalReport Report) : RehearsalResult;

    /// <summary>The rehearsal could not run.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Impossible(string Reason) : RehearsalResult;
}

/// <summary>
/// Rehearses a deploy or a rollback on a temporary copy: copy → install the trace → run the target's CLI → compare → drop. In parallel to
/// the first steps it reads the schema that it expects afterwards. It only reads the real database.
/// </summary>
internal sealed class AlterationRehearsal(
    ProgramSettings settings,
    ScratchPlace place,
    DatabaseCopy copies,
    ScratchCli cli,
    ExpectedSchema afterwards,
    RehearsalFindings findings,
    ILogger logger)
{
    /// <summary>Rehearses, and drops everything that it has created, even when it is canceled.</summary>
    public Task<RehearsalResult> RunAsync(RehearsalPlan plan, CancellationToken whileLocked) => place.UseAsync<RehearsalResult>(
        (scratch, rights) => RunAsync(plan, scratch, rights, whileLocked), reason => new RehearsalResult.Impossible(reason), whileLocked);

    private async Task<RehearsalResult> RunAsync(
        RehearsalPlan plan, ScratchServer scratch, ClusterRights rights, CancellationToken whileLocked)
    {
        var programs = await PostgresPrograms.FindAsync(settings.PostgresPrograms, whileLocked);
        var (identity, problem) = await copies.ExamineSourceAsync(plan.Job.Database.Schema!, whileLocked);
        programs.RequireFor(identity.ServerVersion);
        if ((problem ?? WhyTooLarge(identity, plan)) is { } reason)
        {
            return new RehearsalResult.Impossible(reason);
        }

        using var folder = await cli.TakeFolderAsync(whileLocked);
        if (folder is null)
        {
            return new RehearsalResult.Impossible(cli.WhyFolderBusy);
        }

        var rows = plan.Mode == RehearsalMode.Full ? "all rows" : "the rows of small tables";
        logger.Rehearsing(plan.Job.Alterations.Count, rows, identity.Bytes / 1048576.0);
        return await RunAsync(plan, new ScratchTools(scratch, rights, programs), folder, whileLocked);
    }

    // Over 40 lines: the steps of a rehearsal, in order.
    private async Task<RehearsalResult> RunAsync(RehearsalPlan plan, ScratchTools tools, FolderLock folder, CancellationToken whileLocked)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(whileLocked);
        var scriptsFree = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); // starts the second CLI's turn
        var readingExpected = ExpectOrCancelAsync();
        string? name = null;
        try
        {
            var source = await copies.ReadSourceAsync(plan.Job.Database.Schema!, ended.Token);
            var started = Stopwatch.GetTimestamp();
            var grants = await copies.MakeAsync(plan, tools, source, made => name = made, ended.Token);
            var target = tools.Server.Target.Named(name!, source.SearchPath);
            // Before the trace, because this is not part of an alteration.
            await cli.RemoveLeftOverIndexesAsync(target, plan.Job, ended.Token);
            await using var copy = tools.Server.DatabaseAt(target);
            await DatabaseCopy.PrepareAsync(copy, settings.Main.Database, plan, grants, ended.Token);
            var secondsToCopy = Stopwatch.GetElapsedTime(started).TotalSeconds;

            // Start the CLI before its turn. Reason: loading it in Node.js often takes longer than its work.
            var begun = Stopwatch.GetTimestamp();
            var job = plan.Job with { TimeLimit = Limit() };
            var run = await cli.RunAsync(
                target, job, folder, ended.Token,
                turn: job.IsRollback ? null : Task.WhenAny(readingExpected, scriptsFree.Task)); // a rollback has no second CLI
            if (run is { End: CliEnd.ByItself, HasBegun: false, ExitCode: not 0, GuardsReason: null })
            {
                return new RehearsalResult.Impossible(
                    $"Logto's CLI could not start: {run.Reason}. It began no alteration. Next: {run.Remedy}, and start again");
            }

            var seconds = (SecondsToCopy: secondsToCopy, SecondsToRun: (Stopwatch.GetElapsedTime(begun) - run.Waited).TotalSeconds);
            var done = plan with { Job = job };
            var report = await findings.ReportAsync(
                done, run, source, await readingExpected, copy, tools.Rights.ServerVersion, seconds, ended.Token);
            return new RehearsalResult.Done(report.Failure is null && plan.Start is { } start
                ? report.With(await start(copy, folder, ended.Token)) // the last step, because it changes the copy's roles
                : report);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested && !whileLocked.IsCancellationRequested)
        {
            await readingExpected; // throws the failure that canceled the rest
            throw;
        }
        finally
        {
            await ended.CancelAsync();
            await readingExpected.ContinueWith(_ => { }, TaskScheduler.Default);
            if (name is not null)
            {
                await tools.Server.DropAsync(name, whileLocked);
            }
        }

        // A failure cancels the copy, which is useless without the expected schema.
        async Task<(IReadOnlyList<SchemaObject>? Objects, string? WhyNot)> ExpectOrCancelAsync()
        {
            try
            {
                return await afterwards.ReadAsync(plan, tools, folder, scriptsFree.SetResult, ended.Token, whileLocked);
            }
            catch
            {
                await ended.CancelAsync();
                throw;
            }
        }
    }

    private string? WhyTooLarge(ServerIdentity identity, RehearsalPlan plan)
    {
        const long Megabyte = 1024 * 1024;
        return plan.Mode == RehearsalMode.Full && settings.ScratchMegabytes > 0 && identity.Bytes > settings.ScratchMegabytes * Megabyte
            ? DescribeTooLarge(settings.Main.Database, identity.Bytes / Megabyte, settings.ScratchMegabytes, plan.Job.IsRollback)
            : null;
    }

    /// <summary>Returns why the rows of a database are not copied: a clause.</summary>
    /// <param name="database">The name of the database.</param>
    /// <param name="megabytes">Its size.</param>
    /// <param name="most">The limit.</param>
    /// <param name="isRollback">Whether a rollback is rehearsed.</param>
    public static string DescribeTooLarge(string database, long megabytes, long most, bool isRollback) =>
        $"the database '{database}' has {megabytes} MB, and a copy with its rows may have {most} (LOGTO_INIT_SCRATCH_MAX_MB). " +
        "Next: if the server has the space, set that higher, " +
        $"or rehearse without rows (--schema-only{(isRollback ? "" : ", LOGTO_INIT_REHEARSE=schema")})";

    /// <summary>Returns the shorter of the two limits; zero: no limit.</summary>
    private TimeSpan Limit()
    {
        var (rehearsal, deploy) = (settings.RehearsalLimit, settings.DeployTimeout);
        return rehearsal == TimeSpan.Zero || (deploy > TimeSpan.Zero && deploy < rehearsal) ? deploy : rehearsal;
    }
}
