using System.Globalization;
using System.Security.Cryptography;
using LogtoMigrateInit.Configuration;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>What was written.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">In lower-case hexadecimal digits.</param>
internal sealed record DumpedFile(long Bytes, string Sha256);

/// <summary>
/// One run of <c>pg_dump</c> whose output goes three ways at once: into the file, into a hash, and through <c>pg_restore</c>, which unpacks
/// all of it. What <c>pg_restore --list</c> proves is nothing: it accepts a file that is cut.
/// </summary>
internal sealed class Dump(GateOptions options, PostgresPrograms programs, PostgresTool tool)
{
    private long _bytes;

    /// <summary>How much has been written so far; any thread may ask.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Writes the dump and leaves the file open, not yet synced.</summary>
    /// <param name="snapshot">The exported snapshot that it shows.</param>
    /// <param name="applicationName">The name of its sessions.</param>
    /// <param name="lockTimeout">How long it may wait for a lock of somebody else's; zero: without a limit.</param>
    /// <param name="file">Empty, and writable.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="PostgresToolException">A tool failed.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public async Task<DumpedFile> WriteAsync(string snapshot, string applicationName, TimeSpan lockTimeout, FileStream file, CancellationToken stop)
    {
        using var roots = RootsFile.Create(options);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var unpacker = new TaskCompletionSource<Stream>(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Exception? unwritable = null;

        var unpacking = tool.RunAsync(
            programs.Restore, ["--file=/dev/null"], ToolEnvironment.WithoutPostgres(),
            async (input, _) =>
            {
                unpacker.TrySetResult(input);
                await end.Task;
            },
            null, null, failed.Token);
        await Task.WhenAny(unpacker.Task, unpacking);
        if (!unpacker.Task.IsCompleted)
        {
            await unpacking;
            throw new PostgresToolException("pg_restore ended before it read anything");
        }

        string[] arguments =
        [
            "--format=custom", $"--snapshot={snapshot}", "--no-password",
            .. lockTimeout > TimeSpan.Zero ? [string.Create(CultureInfo.InvariantCulture, $"--lock-wait-timeout={lockTimeout.TotalMilliseconds:0}")] : Array.Empty<string>(),
        ];
        var dumping = tool.RunAsync(programs.Dump, arguments, ToolEnvironment.Build(options, applicationName, roots?.Path), null, CopyAsync, null, failed.Token);
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
            var reads = true;
            var buffer = new byte[128 * 1024];
            try
            {
                int count;
                while ((count = await output.ReadAsync(buffer, failed.Token)) > 0)
                {
                    await file.WriteAsync(buffer.AsMemory(0, count), failed.Token);
                    hash.AppendData(buffer.AsSpan(0, count));
                    Interlocked.Add(ref _bytes, count);
                    reads = reads && await TryFeedAsync(input, buffer.AsMemory(0, count), failed.Token);
                }
            }
            catch (IOException full)
            {
                unwritable = full;
                await failed.CancelAsync();
            }
            catch (OperationCanceledException)
            {
                // Somebody else says why.
            }
            finally
            {
                end.TrySetResult();
            }
        }
    }

    /// <returns>False when it has ended; its exit code says whether too early.</returns>
    private static async Task<bool> TryFeedAsync(Stream unpacker, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        try
        {
            await unpacker.WriteAsync(bytes, stop);
            return true;
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException)
        {
            return false;
        }
    }
}
