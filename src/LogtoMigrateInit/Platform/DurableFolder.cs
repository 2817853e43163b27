using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Platform;

/// <summary>A renamed file is on the disk when its folder is (https://man7.org/linux/man-pages/man2/fsync.2.html); .NET opens no folders.</summary>
internal static partial class DurableFolder
{
    // <fcntl.h> on Linux.
    private const int ReadOnly = 0;
    private const int CloseAtExec = 0x80000;

    /// <summary>Does so where the file system can; some of the network cannot.</summary>
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
