using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// The right to run Logto's CLI in one installation folder: every run empties and fills <c>alteration-scripts</c>, so two destroy each
/// other's. A CLI inherits it, so that it lives at least as long as the CLI does, whatever becomes of this process; no other program does
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

    /// <summary>Tries once. A folder that is not there, or whose file system knows no such locks, is nobody's.</summary>
    /// <param name="folders">Always in the same order: a volume may be mounted inside of an installation that is not shared.</param>
    /// <returns>Null when another process has one of them.</returns>
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

    /// <summary>For one more CLI of this process: the lock is given back when the last of them has ended and all that we hold is disposed of.</summary>
    public FolderLock Share() => new([.. _folders.Select(folder => new SafeFileHandle(folder.IsInvalid ? -1 : Control(folder, DuplicateCloseOnExec, 0), ownsHandle: true))]);

    /// <summary>The programs that are started from here on inherit it; Node.js keeps it from its own children.</summary>
    public void Bequeath()
    {
        foreach (var folder in _folders.Where(folder => !folder.IsInvalid))
        {
            _ = Control(folder, SetFlags, 0);
        }
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

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle folder, int command, nint argument);
}
