using System.Diagnostics;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LogtoMigrateInit.Scratch;

/// <summary>Runs Logto's CLI in a scratch database, under that database's migration lock and supervised as in the real one.</summary>
internal sealed class ScratchCli(
    ProgramSettings settings, LogtoTarget target, string sessionName, CliFolder folders, ILogger logger)
{
    /// <summary>A clause for the operator for the case that <see cref="TakeFolderAsync"/> returned null.</summary>
    public string WhyFolderBusy => folders.WhyBusy;

    /// <summary>Takes the lock on the installation's folder; null when another process held it until the lock time-out.</summary>
    public Task<FolderLock?> TakeFolderAsync(CancellationToken whileLocked) => folders.TakeAsync(whileLocked);

    /// <summary>
    /// Removes left-over indexes from a copy, as a deploy does first. Reason: the copy also has an index that a killed run built, and its
    /// alteration would fail.
    /// </summary>
    /// <param name="scratch">The copy.</param>
    /// <param name="job">The job that will run in the copy.</param>
    /// <exception cref="PostgresToolException">An index cannot be removed, or another session holds the copy's lock.</exception>
    /// <exception cref="DatabaseException">The copy was not reached.</exception>
    public async Task RemoveLeftOverIndexesAsync(ServerTarget scratch, CliJob job, CancellationToken whileLocked)
    {
        if (job.Alterations is [var first, ..] && target.Catalog.IndexesOf(first, job.IsRollback) is [_, ..] indexes)
        {
            await using var copy = new LogtoDatabase(scratch, settings.ConnectTimeout, logger);
            await using var migrationLock = await TakeLockAsync(copy, whileLocked);

            // No logger, because no index of the operator is dropped.
            var leftOvers = new LeftOverIndexes(settings, sessionName, copy, NullLogger.Instance);
            var inTheWay = await leftOvers.RemoveAsync(first, indexes, behindPooler: false, migrationLock, whileLocked);
            if (inTheWay.Count > 0)
            {
                throw new PostgresToolException(string.Join("; ", inTheWay));
            }
        }
    }

    /// <summary>Runs the CLI, and tries again while the server is full.</summary>
    /// <param name="scratch">The scratch database.</param>
    /// <param name="job">The job for the real database, or a seed.</param>
    /// <param name="folder">The folder's lock, which another CLI of this run may share.</param>
    /// <param name="whileLocked">Canceled when <paramref name="turn"/> fails, when the lock is lost, or by a signal.</param>
    /// <param name="turn">Completes when no other CLI uses the scripts; null: no other CLI runs.</param>
    /// <exception cref="PostgresToolException">The server stayed full, or another session holds the scratch database's lock.</exception>
    /// <exception cref="DatabaseException">The scratch database was not reached.</exception>
    public async Task<CliRun> RunAsync(
        ServerTarget scratch, CliJob job, FolderLock folder, CancellationToken whileLocked, Task? turn = null)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        while (true)
        {
            var run = await RunOnceAsync(scratch, job, folder, turn, whileLocked);
            if (!run.FoundNoConnection)
            {
                return run;
            }

            if (turn is { IsCompleted: false })
            {
                await turn; // the wait was longer than slonik's connect time-out
                continue;
            }

            if (run.Finished > 0 || Stopwatch.GetElapsedTime(started) > settings.ConnectTimeout)
            {
                throw new PostgresToolException(
                    $"Logto's CLI found the server full or too busy to answer it ({run.Complaint}); start again when it is less busy");
            }

            logger.RetryingConnection();
            await Task.Delay(backoff.Next(ServerLoad.Full), whileLocked);
        }
    }

    private async Task<CliRun> RunOnceAsync(ServerTarget scratch, CliJob job, FolderLock folder, Task? turn, CancellationToken whileLocked)
    {
        await using var database = new LogtoDatabase(scratch, settings.ConnectTimeout, logger);
        var inspection = await database.WithConnectionAsync(
            (connection, token) => InspectionQuery.ReadAsync(connection, [], token), whileLocked);
        await using var migrationLock = await TakeLockAsync(database, whileLocked);
        var process = new LogtoCliProcess(settings, target.Installation);
        var cli = new SupervisedCli(settings, target.Installation, sessionName, database, process, logger);
        using var shared = folder.Share();
        var run = await cli.RunAsync(job with { Database = inspection, OnCopy = true }, shared, migrationLock, whileLocked, turn);
        whileLocked.ThrowIfCancellationRequested();
        return run;
    }

    private async Task<MigrationLock> TakeLockAsync(LogtoDatabase database, CancellationToken whileLocked)
    {
        var connection = await database.RetryAsync(database.OpenAsync, whileLocked);
        try
        {
            return await MigrationLock.TryTakeAsync(connection, settings.Timings, logger, whileLocked)
                ?? throw new PostgresToolException(
                    $"somebody else works in the scratch database '{database.Target.Database}', which is ours alone; start again");
        }
        catch
        {
            await LogtoDatabase.CloseAsync(connection);
            throw;
        }
    }
}
