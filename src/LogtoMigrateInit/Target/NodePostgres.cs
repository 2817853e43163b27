namespace LogtoMigrateInit.Target;

/// <summary>The PostgreSQL client of the target, node-postgres, as its code lies on the disk.</summary>
internal static class NodePostgres
{
    private static readonly string[] PlacesOfSlonik =
    [
        "packages/cli/node_modules/@silverhand/slonik",
        "node_modules/@logto/cli/node_modules/@silverhand/slonik",
        "node_modules/@silverhand/slonik",
    ];

    /// <summary>
    /// It applies SASLprep (RFC 4013) to a password, as libpq does: version 8.23 of 2026 does, and 8.11.3, which Logto's images have
    /// at least up to 1.42.0, does not.
    /// </summary>
    /// <returns>True also when there is no telling.</returns>
    public static bool PreparesPasswords(string logtoDirectory)
    {
        try
        {
            return Find(logtoDirectory) is not { } code || File.ReadAllText(code).Contains("NFKC", StringComparison.Ordinal);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>Finds the package as Node.js does when slonik asks for it: beside or above where slonik really is.</summary>
    private static string? Find(string logtoDirectory)
    {
        var place = PlacesOfSlonik.Select(place => new DirectoryInfo(Path.Combine(logtoDirectory, place))).FirstOrDefault(place => place.Exists);
        for (var folder = (DirectoryInfo?)place?.ResolveLinkTarget(returnFinalTarget: true) ?? place; folder is not null; folder = folder.Parent)
        {
            var code = Path.Combine(folder.FullName, "node_modules", "pg", "lib", "crypto", "sasl.js");
            if (File.Exists(code))
            {
                return code;
            }
        }

        return null;
    }
}
