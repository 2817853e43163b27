using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using Microsoft.Win32.SafeHandles;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// The authorities that the gate itself trusts, as the one file that libpq reads: in memory, so that nothing is left behind and no folder
/// has to be writable (https://man7.org/linux/man-pages/man2/memfd_create.2.html).
/// </summary>
internal sealed partial class RootsFile : IDisposable
{
    private const uint CloseAtExec = 1;

    private readonly FileStream _content;

    private RootsFile(FileStream content) => _content = content;

    /// <summary>Where a process of the same user finds it as long as it is open.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{_content.SafeFileHandle.DangerousGetHandle()}";

    /// <returns>Null when Logto checks no certificate on this connection.</returns>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The handle goes to the caller inside of the stream.")]
    public static RootsFile? Create(GateOptions options)
    {
        if (options.SslMode != "require" || options.TrustsEveryCertificate)
        {
            return null;
        }

        var handle = CreateInMemory("roots", CloseAtExec);
        var content = new FileStream(handle, FileAccess.ReadWrite);
        var files = SystemRoots.Sources().FirstOrDefault() ?? [];
        foreach (var file in options.ExtraCaCertificates is { } extra ? [extra, .. files] : files)
        {
            try
            {
                content.Write(File.ReadAllBytes(file));
                content.WriteByte((byte)'\n');
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                // As for the gate itself: nobody may be trusted because of it, and the tool's error names the cause.
            }
        }

        content.Flush();
        return new RootsFile(content);
    }

    public void Dispose() => _content.Dispose();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle CreateInMemory(string name, uint flags);
}
