namespace LogtoMigrateInit.PostgreSql;

/// <summary>One object of a database, as it is recorded with a backup and compared after a restore.</summary>
/// <param name="Kind">PostgreSQL's word, such as <c>table</c> or <c>table constraint</c>; also <c>database</c>, <c>setting</c>.</param>
/// <param name="Name">With its schema; empty for the database itself.</param>
/// <param name="Owner">Null when this kind has none.</param>
/// <param name="Rights">
/// A line <c>role=right,right</c> for each role that has any; no name is PUBLIC, <c>*</c> is the owner, which is there only with other
/// rights than usual. A plus sign marks a right that the role may pass on. Null when this kind has none.
/// </param>
/// <param name="Definition">A hash of it; null: unknown, and so never equal.</param>
/// <param name="Value">Of a sequence: what a later one is never below, also for one that counts down. Null: none, or unknown.</param>
internal sealed record CatalogObject(string Kind, string Name, string? Owner, string? Rights, string? Definition, long? Value)
{
    /// <summary>Kind and name, which no two objects of a database share.</summary>
    public string Key => $"{Kind}\n{Name}";
}
