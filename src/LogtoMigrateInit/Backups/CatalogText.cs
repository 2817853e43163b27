namespace LogtoMigrateInit.Backups;

/// <summary>Objects of a catalog in sentences.</summary>
internal static class CatalogText
{
    private const int Few = 20;

    /// <summary>All of a few names, and the number of the others.</summary>
    public static string List(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(Few)) + (names.Count > Few ? $" and {names.Count - Few} more" : "");
}
