using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// A file that has no place on a disk, for a tool that wants a name: nothing is left behind, and no folder has to be writable
/// (https://man7.org/linux/man-pages/man2/memfd_create.2.html).
/// </summary>
internal sealed partial class MemoryFile : IDisposable
{
    private const uint CloseAtExec = 1;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The stream owns the handle.")]
    public MemoryFile(string name) => Content = new FileStream(CreateInMemory(name, CloseAtExec), FileAccess.ReadWrite);

    public FileStream Content { get; }

    /// <summary>Where a process of the same user finds it as long as it is open.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{Content.SafeFileHandle.DangerousGetHandle()}";

    public void Dispose() => Content.Dispose();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle CreateInMemory(string name, uint flags);
}
