using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>The authorities that the gate itself trusts, as the one file that libpq reads.</summary>
internal static class RootsFile
{
    /// <returns>Null when Logto checks no certificate on this connection.</returns>
    public static MemoryFile? Create(GateOptions options)
    {
        if (options.SslMode != "require" || options.TrustsEveryCertificate)
        {
            return null;
        }

        var roots = new MemoryFile("roots");
        var files = SystemRoots.Sources().FirstOrDefault() ?? [];
        foreach (var file in options.ExtraCaCertificates is { } extra ? [extra, .. files] : files)
        {
            try
            {
                roots.Content.Write(File.ReadAllBytes(file));
                roots.Content.WriteByte((byte)'\n');
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                // As for the gate itself: nobody may be trusted because of it, and the tool's error names the cause.
            }
        }

        roots.Content.Flush();
        return roots;
    }
}
