using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// Opens files without waiting for the other end of a pipe, as .NET does (https://man7.org/linux/man-pages/man7/fifo.7.html).
/// </summary>
internal static partial class PlainFile
{
    // <fcntl.h> on Linux, the same on x64 and arm64.
    private const int ReadOnly = 0;
    private const int WriteOnly = 1;
    private const int WithoutWaiting = 0x800;
    private const int CloseAtExec = 0x80000;
    private const int NobodyReads = 6; // ENXIO

    /// <summary>Opens a file that exists, as it is.</summary>
    /// <returns>Null when it is no plain file, such as a pipe (with or without a reader) or a terminal.</returns>
    /// <exception cref="IOException">It cannot be opened; the message is the system's.</exception>
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

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
