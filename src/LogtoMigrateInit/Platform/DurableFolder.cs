using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Platform;

/// <summary>
/// Flushes a folder to the disk, which makes a rename in it durable (https://man7.org/linux/man-pages/man2/fsync.2.html). .NET cannot open
/// folders.
/// </summary>
internal static partial class DurableFolder
{
    // <fcntl.h> on Linux.
    private const int ReadOnly = 0;
    private const int CloseAtExec = 0x80000;

    /// <summary>
    /// Flushes the folder. Ignores failures, because some file systems, such as network file systems, cannot flush folders.
    /// </summary>
    public static void Sync(string folder)
    {
        using var handle = Open(folder, ReadOnly | CloseAtExec);
        if (!handle.IsInvalid)
        {
            _ = FlushToDisk(handle);
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FlushToDisk(SafeFileHandle handle);
}
