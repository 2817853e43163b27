namespace LogtoMigrateInit.PostgreSql;

/// <summary>One object of a database, for the record of a backup and the comparison after a restore.</summary>
/// <param name="Kind">PostgreSQL's name of the kind, such as <c>table</c>; also <c>database</c>, <c>setting</c> and others.</param>
/// <param name="Name">The qualified name; empty for the database itself.</param>
/// <param name="Owner">Null when this kind has no owner.</param>
/// <param name="Rights">
/// A line <c>role=right,right</c> for each role with rights. An empty name means PUBLIC. <c>*</c> means the owner, who is listed only with
/// unusual rights. A plus sign marks a right with grant option. Null when this kind has no rights.
/// </param>
/// <param name="Definition">A hash of the definition; null when unknown, which counts as different.</param>
/// <param name="Value">
/// The position of a sequence, negated for one that counts down, so that it never decreases. Null: not a sequence, or unknown.
/// </param>
internal sealed record CatalogObject(string Kind, string Name, string? Owner, string? Rights, string? Definition, long? Value)
{
    /// <summary>The kind and the name, which identify an object in a database.</summary>
    public string Key => $"{Kind}\n{Name}";
}
