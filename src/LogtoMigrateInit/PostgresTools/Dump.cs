using System.Globalization;
using System.Security.Cryptography;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>The length and the hash of a written dump.</summary>
/// <param name="Bytes">The length of the file.</param>
/// <param name="Sha256">The hash in lower-case hexadecimal digits.</param>
internal sealed record DumpedFile(long Bytes, string Sha256);

/// <summary>
/// Runs <c>pg_dump</c>, and passes its output to a file, to a hash, and to <c>pg_restore</c>, which unpacks all of it as a check.
/// <c>pg_restore --list</c> is not enough, because it accepts a truncated file.
/// </summary>
internal sealed class Dump(ServerTarget target, PostgresPrograms programs, PostgresTool tool)
{
    /// <summary>
    /// The first release with zstd. Its weakest level compresses about as well as gzip, but much faster. A build without zstd fails before
    /// it connects.
    /// </summary>
    private const int FirstWithZstd = 16;

    private long _bytes;

    /// <summary>The number of bytes written so far. It is thread-safe.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Writes the dump. Leaves the file open and does not flush it to the disk.</summary>
    /// <param name="snapshot">The id of the exported snapshot.</param>
    /// <param name="applicationName">The <c>application_name</c> of the sessions.</param>
    /// <param name="lockTimeout">The longest wait for another session's lock; zero: no limit.</param>
    /// <param name="file">An empty, writable file.</param>
    /// <exception cref="PostgresToolException">A tool failed.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public async Task<DumpedFile> WriteAsync(
        string snapshot, string applicationName, TimeSpan lockTimeout, FileStream file, CancellationToken stop)
    {
        try
        {
            return await WriteAsync(snapshot, applicationName, lockTimeout, file, programs.Major >= FirstWithZstd, stop);
        }
        catch (PostgresToolException lacking)
            when (Bytes == 0 && lacking.Message.Contains("does not support compression", StringComparison.Ordinal))
        {
            return await WriteAsync(snapshot, applicationName, lockTimeout, file, zstd: false, stop);
        }
    }

    // Over 40 lines: two programs and the pipe between them end together, whichever fails first.
    private async Task<DumpedFile> WriteAsync(
        string snapshot, string applicationName, TimeSpan lockTimeout, FileStream file, bool zstd, CancellationToken stop)
    {
        using var roots = RootsFile.Create(target);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var unpacker = new TaskCompletionSource<Stream>(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Exception? unwritable = null;

        var unpacking = tool.RunAsync(
            programs.Restore,
            ["--file=/dev/null"],
            ToolEnvironment.WithoutPostgres(),
            async (input, _) =>
            {
                unpacker.TrySetResult(input);
                await end.Task;
            },
            null,
            null,
            failed.Token);
        await Task.WhenAny(unpacker.Task, unpacking);
        if (!unpacker.Task.IsCompleted)
        {
            await unpacking;
            throw new PostgresToolException("pg_restore ended before it read anything");
        }

        string[] arguments =
        [
            "--format=custom", $"--snapshot={snapshot}", "--no-password", zstd ? "--compress=zstd:1" : "--compress=1",
            .. LockWait(lockTimeout),
        ];
        var environment = ToolEnvironment.Build(target, applicationName, roots?.Path);
        var dumping = tool.RunAsync(programs.Dump, arguments, environment, null, CopyAsync, null, failed.Token);
        try
        {
            await dumping;
            await unpacking;
        }
        catch (OperationCanceledException) when (unwritable is not null && !stop.IsCancellationRequested)
        {
            throw new IOException(unwritable.Message, unwritable);
        }
        finally
        {
            end.TrySetResult();
            await failed.CancelAsync();
            await Task.WhenAll(dumping, unpacking).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        return new DumpedFile(Bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));

        async Task CopyAsync(Stream output)
        {
            var input = await unpacker.Task;
            try
            {
                // Copy on a separate thread. Waking a pool thread for every few kilobytes would cost as much as unpacking them.
                await Task.Factory.StartNew(
                    () => Copy(output, file, hash, input), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            catch (IOException full)
            {
                unwritable = full;
                await failed.CancelAsync();
            }
            finally
            {
                end.TrySetResult();
            }
        }
    }

    /// <summary>Returns the option of <c>pg_dump</c> that limits its wait for a lock; none for zero.</summary>
    internal static string[] LockWait(TimeSpan lockTimeout) => lockTimeout > TimeSpan.Zero
        ? [string.Create(CultureInfo.InvariantCulture, $"--lock-wait-timeout={lockTimeout.TotalMilliseconds:0}")]
        : [];

    /// <summary>Copies until the dump ends or the tools are killed.</summary>
    private void Copy(Stream output, FileStream file, IncrementalHash hash, Stream unpacker)
    {
        var reads = true;
        var buffer = new byte[128 * 1024];
        int count;
        while ((count = output.Read(buffer)) > 0)
        {
            file.Write(buffer, 0, count);
            hash.AppendData(buffer, 0, count);
            Interlocked.Add(ref _bytes, count);
            reads = reads && TryFeed(unpacker, buffer.AsSpan(0, count));
        }
    }

    /// <returns>False when <c>pg_restore</c> has ended. Its exit code shows whether it failed.</returns>
    private static bool TryFeed(Stream unpacker, ReadOnlySpan<byte> bytes)
    {
        try
        {
            unpacker.Write(bytes);
            return true;
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException)
        {
            return false; // pg_restore closes its pipe when it ends
        }
    }
}
