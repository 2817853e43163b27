using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// Opens files without blocking. .NET would wait for the other end of a pipe (https://man7.org/linux/man-pages/man7/fifo.7.html).
/// </summary>
internal static partial class PlainFile
{
    // <fcntl.h> on Linux, the same on x64 and arm64.
    private const int ReadOnly = 0;
    private const int WriteOnly = 1;
    private const int WithoutWaiting = 0x800;
    private const int CloseAtExec = 0x80000;
    private const int NobodyReads = 6; // ENXIO
    private const int Interrupted = 4; // EINTR
    private const int WouldBlock = 11; // EAGAIN
    private const short Readable = 1; // POLLIN of <poll.h>

    /// <summary>Opens an existing file without changing it.</summary>
    /// <returns>Null when the path is not a plain file, but for example a pipe or a terminal.</returns>
    /// <exception cref="IOException">The file cannot be opened. The message is the system's.</exception>
    [SuppressMessage(
        "Reliability", "CA2000:Dispose objects before losing scope",
        Justification = "The handle goes to the caller inside of the stream, or is disposed of.")]
    public static FileStream? TryOpen(string path, FileAccess access)
    {
        var handle = Open(path, (access == FileAccess.Read ? ReadOnly : WriteOnly) | WithoutWaiting | CloseAtExec);
        var (error, reason) = (Marshal.GetLastPInvokeError(), Marshal.GetLastPInvokeErrorMessage());
        if (!handle.IsInvalid && new FileStream(handle, access) is { CanSeek: true } stream)
        {
            return stream;
        }

        using (handle)
        {
            return handle.IsInvalid && error != NobodyReads ? throw new IOException(reason) : null;
        }
    }

    /// <summary>Reads a file or a pipe to its end.</summary>
    /// <param name="limit">The most bytes.</param>
    /// <param name="patience">The longest time.</param>
    /// <exception cref="IOException">The file cannot be read within these limits. The message is a clause.</exception>
    // Over 40 lines: each way in which a read can end has its branch.
    public static string ReadText(string path, int limit, TimeSpan patience)
    {
        using var handle = Open(path, ReadOnly | WithoutWaiting | CloseAtExec);
        if (handle.IsInvalid)
        {
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }

        var started = Stopwatch.GetTimestamp();
        var bytes = new byte[limit + 1];
        for (var length = 0; ;)
        {
            var left = patience - Stopwatch.GetElapsedTime(started);
            var asked = new Poll { Descriptor = (int)handle.DangerousGetHandle(), Events = Readable };
            var ready = left <= TimeSpan.Zero ? 0 : WaitFor(ref asked, 1, (int)left.TotalMilliseconds);
            if (ready == 0)
            {
                throw new IOException($"its end has not come within {patience.TotalSeconds:0} s");
            }

            if (ready < 0)
            {
                continue; // a signal interrupted the wait; reading now could take a pipe without a writer for its end
            }

            var count = (int)Read(handle, bytes.AsSpan(length), bytes.Length - length);
            if (count < 0 && Marshal.GetLastPInvokeError() is not (Interrupted or WouldBlock))
            {
                throw new IOException(Marshal.GetLastPInvokeErrorMessage());
            }

            length += Math.Max(count, 0);
            if (length > limit)
            {
                throw new IOException($"it holds more than {limit / 1024} KiB");
            }

            if (count == 0)
            {
                using var text = new StreamReader(new MemoryStream(bytes, 0, length));
                return text.ReadToEnd();
            }
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int WaitFor(ref Poll descriptors, nuint count, int milliseconds);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle handle, Span<byte> bytes, nint count);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    // struct pollfd
    private struct Poll
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }
}
