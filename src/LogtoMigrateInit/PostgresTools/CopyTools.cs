using System.Globalization;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Two steps of a copy that need no disk space: a dump that is kept in memory, and rows that go from server to server.</summary>
/// <param name="source">The server that they read.</param>
/// <param name="programs">The newest tools.</param>
/// <param name="tool">Runs them.</param>
/// <param name="applicationName">The name of their sessions.</param>
/// <param name="lockTimeout">How long a dump may wait for another session's lock; zero: without a limit.</param>
/// <param name="withoutSchemas">Schemas that are not copied, not quoted.</param>
internal sealed class CopyTools(
    ServerTarget source,
    PostgresPrograms programs,
    PostgresTool tool,
    string applicationName,
    TimeSpan lockTimeout,
    IReadOnlyList<string> withoutSchemas)
{
    /// <summary>Older releases call them blobs. Logto has none, and their contents cannot be restored without their definitions.</summary>
    private const int FirstWithLargeObjects = 16;

    private long _bytes;

    /// <summary>The compressed bytes of the rows copied so far; any thread may ask.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Dumps all definitions, and the rows of some tables.</summary>
    /// <param name="snapshot">The exported snapshot that it shows.</param>
    /// <param name="withoutRows">The tables whose rows are left out, with their schemas; null: all.</param>
    /// <param name="file">Gets the dump.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
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

    /// <summary>Copies all rows into a database that has the tables, and nothing yet that depends on rows.</summary>
    /// <param name="snapshot">See <see cref="DumpAsync"/>.</param>
    /// <param name="withoutRows">The tables whose rows are left out, with their schemas.</param>
    /// <param name="target">The server that they write to.</param>
    /// <param name="database">Its database.</param>
    /// <param name="serverVersion">That server's <c>server_version_num</c>.</param>
    /// <exception cref="PostgresToolException">It failed.</exception>
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
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
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
                    var input = await opened.Task.WaitAsync(over.Token);
                    await Task.Factory.StartNew(
                        () => Copy(output, input), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                }
                finally
                {
                    end.TrySetResult();
                }
            },
            null,
            over.Token);
        await Task.WhenAny(dumping, restoring);
        if (dumping.IsCompleted)
        {
            end.TrySetResult(); // also when it did not even start
        }

        if (restoring.IsCompleted)
        {
            await over.CancelAsync(); // it cannot be done before the dump is, so it has failed
        }

        await Task.WhenAll(dumping, restoring).ContinueWith(_ => { }, TaskScheduler.Default);
        stop.ThrowIfCancellationRequested();
        await (dumping.IsFaulted ? dumping : restoring); // a dump that breaks off makes the other fail too
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
                return; // its exit code says why
            }

            Interlocked.Add(ref _bytes, count);
        }
    }
}
