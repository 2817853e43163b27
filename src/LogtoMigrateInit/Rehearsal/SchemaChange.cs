namespace LogtoMigrateInit.Rehearsal;

/// <summary>An index that was built on a table that existed before.</summary>
/// <param name="Name">With its table, as in <c>users__name on users</c>.</param>
/// <param name="Table">The table, as SQL names it.</param>
/// <param name="Concurrently">Outside of the alteration's transaction, so that the table could be written meanwhile.</param>
internal sealed record BuiltIndex(string Name, string Table, bool Concurrently);

/// <summary>How an alteration changes an object.</summary>
internal enum ChangeKind
{
    Created,
    Dropped,
    Altered,
    Renamed,
}

/// <summary>One change of the schema. The parts of a created or dropped table are no changes of their own.</summary>
/// <param name="What">How it changed.</param>
/// <param name="Kind">See <see cref="SchemaObject.Kind"/>.</param>
/// <param name="Name">Its name afterwards, or its last name when it was dropped.</param>
/// <param name="Table">The table to which it belonged before; null when it belongs to none.</param>
/// <param name="Before">Its former definition, or its former name when it was renamed; null when it is new.</param>
/// <param name="After">Its new definition or name; null when it was dropped.</param>
internal sealed record SchemaChange(ChangeKind What, string Kind, string Name, string? Table, string? Before, string? After);
