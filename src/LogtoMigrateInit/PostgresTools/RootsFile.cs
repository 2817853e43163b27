using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>The authorities that our own connections trust, as the one file that libpq reads.</summary>
internal static class RootsFile
{
    /// <returns>Null when Logto checks no certificate on this connection.</returns>
    public static MemoryFile? Create(ServerTarget target)
    {
        if (target.Tls != TlsMode.Verified)
        {
            return null;
        }

        var roots = new MemoryFile("roots");
        var files = SystemRoots.Sources().FirstOrDefault() ?? [];
        foreach (var file in target.ExtraCaCertificates is { } extra ? [extra, .. files] : files)
        {
            try
            {
                roots.Content.Write(File.ReadAllBytes(file));
                roots.Content.WriteByte((byte)'\n');
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                // As for our own connections: nobody may be trusted because of it, and the tool's error names the cause.
            }
        }

        roots.Content.Flush();
        return roots;
    }
}
