using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// A file in memory for tools that need a file name. It leaves nothing behind and needs no writable folder
/// (https://man7.org/linux/man-pages/man2/memfd_create.2.html).
/// </summary>
internal sealed partial class MemoryFile : IDisposable
{
    private const uint CloseAtExec = 1;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The stream owns the handle.")]
    public MemoryFile(string name) => Content = new FileStream(CreateInMemory(name, CloseAtExec), FileAccess.ReadWrite);

    public FileStream Content { get; }

    /// <summary>The path for processes of the same user. It is valid until disposal.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{Content.SafeFileHandle.DangerousGetHandle()}";

    public void Dispose() => Content.Dispose();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle CreateInMemory(string name, uint flags);
}
