using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Writes the authorities that this program's connections trust into one file, for libpq.</summary>
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
                // An unreadable file adds no trust. If an authority is missing, the tool's error has the cause.
            }
        }

        roots.Content.Flush();
        return roots;
    }
}
