namespace LogtoMigrateInit.Backups;

/// <summary>Formats objects of a catalog for messages.</summary>
internal static class CatalogText
{
    private const int Few = 20;

    /// <summary>Returns the first 20 names, and the number of the others.</summary>
    public static string List(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(Few)) + (names.Count > Few ? $" and {names.Count - Few} more" : "");
}
