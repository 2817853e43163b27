using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// Maps the copy's tables and columns to their names in the real database. The names differ after alterations have renamed or created some.
/// </summary>
internal sealed class RealNames
{
    private readonly Dictionary<(string Kind, string Name), string?> _now;

    /// <param name="objects">The objects of the real database.</param>
    public RealNames(IEnumerable<SchemaObject> objects) => _now = objects
        .Where(each => IsFollowed(each.Kind))
        .DistinctBy(each => (each.Kind, each.Name))
        .ToDictionary(each => (each.Kind, each.Name), each => (string?)each.Name);

    /// <summary>Returns the real name of a table or column of the copy.</summary>
    /// <returns>Null when the real database does not have the object.</returns>
    public string? Of(string kind, string name) => _now.GetValueOrDefault((kind, name));

    /// <summary>Returns the present and the real name of all objects that both databases have.</summary>
    /// <param name="kind"><c>table</c> or <c>column</c>.</param>
    public IEnumerable<(string Name, string Real)> Kept(string kind) =>
        from each in _now
        where each.Key.Kind == kind && each.Value is not null
        select (each.Key.Name, each.Value!);

    /// <summary>Applies the changes of the next alteration.</summary>
    public void Follow(RehearsedAlteration alteration)
    {
        var changes = alteration.Changes.Where(change => IsFollowed(change.Kind)).ToArray();
        var renamed = changes
            .Where(change => change.What == ChangeKind.Renamed)
            .Select(change => (change, Real: Of(change.Kind, change.Before!)))
            .ToArray();
        foreach (var gone in changes.Where(change => change.What is ChangeKind.Dropped or ChangeKind.Renamed))
        {
            var isRenamed = gone.What == ChangeKind.Renamed;
            Forget(gone.Kind, isRenamed ? gone.Before! : gone.Name, isRenamed ? gone.Name : null);
        }

        foreach (var created in changes.Where(change => change.What == ChangeKind.Created))
        {
            _now[(created.Kind, created.Name)] = null;
        }

        foreach (var (change, real) in renamed)
        {
            _now[(change.Kind, change.Name)] = real;
        }
    }

    private static bool IsFollowed(string kind) => kind is "table" or "column";

    /// <summary>Removes a name, and for a table the names of its columns.</summary>
    /// <param name="kind"><c>table</c> or <c>column</c>.</param>
    /// <param name="name">The former name.</param>
    /// <param name="newName">The new name, under which a table's columns are kept; null when the object is dropped.</param>
    private void Forget(string kind, string name, string? newName)
    {
        _now.Remove((kind, name));
        if (kind != "table")
        {
            return;
        }

        var columns = _now.Where(each => each.Key.Kind == "column" && each.Key.Name.StartsWith($"{name}.", StringComparison.Ordinal));
        foreach (var (column, real) in columns.ToArray())
        {
            _now.Remove(column);
            if (newName is not null)
            {
                _now[("column", $"{newName}{column.Name[name.Length..]}")] = real;
            }
        }
    }
}
