using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Target;

/// <summary>
/// The right to run Logto's CLI in one installation folder: every run empties and fills <c>alteration-scripts</c>, so two destroy each
/// other's. The CLI inherits it and ours is given back once it runs, so that it lives exactly as long as the CLI does, whatever becomes
/// of this process (https://man7.org/linux/man-pages/man2/flock.2.html).
/// </summary>
internal sealed partial class FolderLock : IDisposable
{
    // <fcntl.h> and <sys/file.h> on Linux. Not closed at an exec: Node.js is to have it, and keeps it from its own children.
    private const int ReadOnly = 0;
    private const int ExclusiveWithoutWaiting = 2 | 4;
    private const int WouldBlock = 11;

    private readonly IReadOnlyList<SafeFileHandle> _folders;

    private FolderLock(IReadOnlyList<SafeFileHandle> folders) => _folders = folders;

    /// <summary>Tries once. A folder that is not there, or whose file system knows no such locks, is nobody's.</summary>
    /// <param name="folders">Always in the same order: a volume may be mounted inside of an installation that is not shared.</param>
    /// <returns>Null when another process has one of them.</returns>
    public static FolderLock? TryTake(params string[] folders)
    {
        var opened = folders.Select(folder => Open(folder, ReadOnly)).ToArray();
        if (opened.All(TryLock))
        {
            return new FolderLock(opened);
        }

        Close(opened);
        return null;
    }

    public void Dispose() => Close(_folders);

    private static bool TryLock(SafeFileHandle folder) =>
        folder.IsInvalid || Lock(folder, ExclusiveWithoutWaiting) == 0 || Marshal.GetLastPInvokeError() != WouldBlock;

    private static void Close(IEnumerable<SafeFileHandle> folders)
    {
        foreach (var folder in folders)
        {
            folder.Dispose();
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(SafeFileHandle folder, int operation);
}
