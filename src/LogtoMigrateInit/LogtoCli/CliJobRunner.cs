using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>The result of a job. The cases: <see cref="FolderBusy"/>, <see cref="Blocked"/>, <see cref="Ran"/>.</summary>
internal abstract record CliJobResult
{
    private CliJobResult()
    {
    }

    /// <summary>Another process ran a CLI in the installation until the lock time-out. This run's CLI was not started.</summary>
    public sealed record FolderBusy : CliJobResult;

    /// <summary>Indexes of an interrupted run remain and would stop the alteration. The CLI was not started.</summary>
    /// <param name="Problems">A clause with its remedy for each index.</param>
    public sealed record Blocked(IReadOnlyList<string> Problems) : CliJobResult;

    /// <summary>The CLI ran. Its result does not prove that the job is done.</summary>
    public sealed record Ran(CliRun Run) : CliJobResult;
}

/// <summary>
/// Runs a job of Logto's CLI in the real database: lock the folder → remove indexes that an interrupted run left → run the CLI.
/// </summary>
internal sealed class CliJobRunner(AlterationCatalog catalog, CliFolder folders, SupervisedCli cli, LeftOverIndexes leftOvers)
{
    /// <exception cref="OperationCanceledException">The program was stopped, or lost the lock, before the CLI was started.</exception>
    /// <exception cref="DatabaseException">The database was not reached before the CLI was started.</exception>
    /// <exception cref="UnusableTargetException">Node.js does not start.</exception>
    public async Task<CliJobResult> RunAsync(CliJob job, LockedRun run)
    {
        using var folder = await folders.TakeAsync(run.WhileLocked);
        if (folder is null)
        {
            return new CliJobResult.FolderBusy();
        }

        if (job.Alterations is [var first, ..])
        {
            var kept = await leftOvers.RemoveAsync(first, Indexes(job, first), job.Database.BehindPooler, run.Lock, run.WhileLocked);
            if (kept.Count > 0)
            {
                return new CliJobResult.Blocked(kept);
            }
        }

        run.Planned = run.HasBegun ? run.Planned : job.Alterations.Count;
        run.HasBegun = true;
        var ended = await cli.RunAsync(job, folder, run.Lock, run.Stop);
        run.Reported += ended.Finished;
        return new CliJobResult.Ran(ended);
    }

    /// <summary>
    /// Removes the indexes that the failed alteration left. It only helps the next run, so it reports no failure and has little time.
    /// </summary>
    /// <param name="failed">The first alteration that is not done.</param>
    public Task RemoveAfterFailureAsync(CliJob job, Alteration failed, MigrationLock migrationLock) =>
        leftOvers.RemoveAfterFailureAsync(failed, Indexes(job, failed), job.Database.BehindPooler, migrationLock);

    private IReadOnlyList<ConcurrentIndex>? Indexes(CliJob job, Alteration alteration) => catalog.IndexesOf(alteration, job.IsRollback);
}
