using System.Globalization;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Copies a database without disk space: dumps definitions into memory, and streams rows from server to server.</summary>
/// <param name="source">The server to read.</param>
/// <param name="applicationName">The <c>application_name</c> of the tools' sessions.</param>
/// <param name="lockTimeout">The longest wait of a dump for another session's lock; zero: no limit.</param>
/// <param name="withoutSchemas">The names of schemas to leave out, unquoted.</param>
internal sealed class CopyTools(
    ServerTarget source,
    PostgresPrograms programs,
    PostgresTool tool,
    string applicationName,
    TimeSpan lockTimeout,
    IReadOnlyList<string> withoutSchemas)
{
    /// <summary>
    /// The first release with <c>--no-large-objects</c>; older ones call them blobs. They are left out of the rows, because Logto has none,
    /// and their contents cannot be restored without their definitions.
    /// </summary>
    private const int FirstWithLargeObjects = 16;

    private long _bytes;

    /// <summary>The number of compressed bytes of rows that were copied so far. It is thread-safe.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Dumps all definitions, and the rows of some tables.</summary>
    /// <param name="snapshot">The id of the exported snapshot.</param>
    /// <param name="withoutRows">The qualified names of the tables to dump without rows; null: all tables.</param>
    /// <param name="file">The file for the dump.</param>
    /// <exception cref="PostgresToolException"><c>pg_dump</c> failed.</exception>
    public async Task DumpAsync(string snapshot, IReadOnlyList<string>? withoutRows, MemoryFile file, CancellationToken stop)
    {
        using var roots = RootsFile.Create(source);
        await tool.RunAsync(
            programs.Dump,
            [
                .. Common(snapshot), $"--file={file.Path}",
                .. withoutRows is null ? ["--schema-only"] : WithoutRows(withoutRows),
            ],
            ToolEnvironment.Build(source, applicationName, roots?.Path),
            null,
            null,
            null,
            stop);
    }

    /// <summary>Copies rows into a database that has the tables, but no indexes and constraints yet.</summary>
    /// <param name="snapshot">The id of the exported snapshot.</param>
    /// <param name="withoutRows">The qualified names of the tables whose rows are left out.</param>
    /// <param name="target">The server to write to.</param>
    /// <param name="database">The name of the database.</param>
    /// <param name="serverVersion">The <c>server_version_num</c> of the target server.</param>
    /// <exception cref="PostgresToolException">A tool failed.</exception>
    // Over 40 lines: two programs and the pipe between them end together, whichever fails first.
    public async Task CopyRowsAsync(
        string snapshot,
        IReadOnlyList<string> withoutRows,
        ServerTarget target,
        string database,
        int serverVersion,
        CancellationToken stop)
    {
        using var sourceRoots = RootsFile.Create(source);
        using var targetRoots = RootsFile.Create(target);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var opened = new TaskCompletionSource<Stream>(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (arguments, tolerated) = Archive.RestoreArguments(programs, database, serverVersion);
        var restoring = tool.RunAsync(
            programs.Restore,
            arguments,
            ToolEnvironment.Build(target, applicationName, targetRoots?.Path),
            async (input, _) =>
            {
                opened.TrySetResult(input);
                await end.Task;
            },
            null,
            tolerated,
            stop);
        var dumping = tool.RunAsync(
            programs.Dump,
            [
                .. Common(snapshot), "--section=data", .. WithoutRows(withoutRows),
                programs.Major >= FirstWithLargeObjects ? "--no-large-objects" : "--no-blobs",
            ],
            ToolEnvironment.Build(source, applicationName, sourceRoots?.Path),
            null,
            async output =>
            {
                try
                {
                    var input = await opened.Task.WaitAsync(ended.Token);
                    await Task.Factory.StartNew(
                        () => Copy(output, input), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                }
                finally
                {
                    end.TrySetResult();
                }
            },
            null,
            ended.Token);
        await Task.WhenAny(dumping, restoring);
        if (dumping.IsCompleted)
        {
            end.TrySetResult(); // necessary when the dump did not start
        }

        if (restoring.IsCompleted)
        {
            await ended.CancelAsync(); // it cannot finish before the dump, so it has failed
        }

        await Task.WhenAll(dumping, restoring).ContinueWith(_ => { }, TaskScheduler.Default);
        stop.ThrowIfCancellationRequested();
        await (dumping.IsFaulted ? dumping : restoring); // an aborted dump is the cause when both fail
    }

    private string[] Common(string snapshot) =>
    [
        "--format=custom", "--compress=1", "--no-password", $"--snapshot={snapshot}", .. Dump.LockWait(lockTimeout),
        .. withoutSchemas.Select(schema => $"--exclude-schema={SqlNames.Quote(schema)}"),
    ];

    private static IEnumerable<string> WithoutRows(IReadOnlyList<string> tables) => tables.Select(table => $"--exclude-table-data={table}");

    private void Copy(Stream output, Stream input)
    {
        var buffer = new byte[128 * 1024];
        int count;
        while ((count = output.Read(buffer)) > 0)
        {
            try
            {
                input.Write(buffer, 0, count);
            }
            catch (Exception ended) when (ended is IOException or ObjectDisposedException)
            {
                return; // pg_restore has ended, and its failure is reported
            }

            Interlocked.Add(ref _bytes, count);
        }
    }
}
