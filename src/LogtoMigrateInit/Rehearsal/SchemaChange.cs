namespace LogtoMigrateInit.Rehearsal;

/// <summary>An index that was built on a table that existed before.</summary>
/// <param name="Name">The name with its table, such as <c>users__name on users</c>.</param>
/// <param name="Table">The name of the table in SQL.</param>
/// <param name="Concurrently">Whether it was built outside the alteration's transaction, so that it did not block writes.</param>
internal sealed record BuiltIndex(string Name, string Table, bool Concurrently);

/// <summary>The kind of a change by an alteration.</summary>
internal enum ChangeKind
{
    Created,
    Dropped,
    Altered,
    Renamed,
}

/// <summary>One change of the schema. The parts of a created or dropped table are not listed separately.</summary>
/// <param name="Kind">The kind of the object (<see cref="SchemaObject.Kind"/>).</param>
/// <param name="Name">The name afterwards; for a dropped object the last name.</param>
/// <param name="Table">The table to which the object belonged before; null when it belonged to none.</param>
/// <param name="Before">The former definition, or the former name of a renamed object; null for a new object.</param>
/// <param name="After">The new definition or name; null for a dropped object.</param>
internal sealed record SchemaChange(ChangeKind What, string Kind, string Name, string? Table, string? Before, string? After);
