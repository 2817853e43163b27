using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// The lock on one installation folder, for a run of Logto's CLI or server. Reason: every run empties and fills <c>alteration-scripts</c>,
/// so two runs would destroy each other's files. The child process inherits the lock and keeps it to its end
/// (https://man7.org/linux/man-pages/man2/flock.2.html).
/// </summary>
internal sealed partial class FolderLock : IDisposable
{
    // <fcntl.h> and <sys/file.h> on Linux.
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int DuplicateCloseOnExec = 1030;
    private const int SetFlags = 2;
    private const int ExclusiveWithoutWaiting = 2 | 4;
    private const int WouldBlock = 11;

    private readonly IReadOnlyList<SafeFileHandle> _folders;

    private FolderLock(IReadOnlyList<SafeFileHandle> folders) => _folders = folders;

    /// <summary>Tries once. A missing folder, or a file system without <c>flock</c>, counts as unlocked.</summary>
    /// <param name="folders">
    /// Always in the same order. Reason for several: <c>alteration-scripts</c> may be a shared volume in an installation that is not
    /// shared.
    /// </param>
    /// <returns>Null when another process holds the lock on one of the folders.</returns>
    public static FolderLock? TryTake(params string[] folders)
    {
        var opened = folders.Select(folder => Open(folder, ReadOnly | CloseOnExec)).ToArray();
        if (opened.All(TryLock))
        {
            return new FolderLock(opened);
        }

        Close(opened);
        return null;
    }

    /// <summary>Returns a share of the lock for another child of this process. The lock ends when the last share is released.</summary>
    public FolderLock Share() => new([.. _folders.Select(Duplicate)]);

    /// <summary>Lets all programs that start from now on inherit the lock. Node.js does not pass it to its own children.</summary>
    public void Bequeath()
    {
        foreach (var folder in _folders.Where(folder => !folder.IsInvalid))
        {
            _ = Control(folder, SetFlags, 0);
        }
    }

    public void Dispose() => Close(_folders);

    private static SafeFileHandle Duplicate(SafeFileHandle folder) =>
        new(folder.IsInvalid ? -1 : Control(folder, DuplicateCloseOnExec, 0), ownsHandle: true);

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

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle folder, int command, nint argument);
}
