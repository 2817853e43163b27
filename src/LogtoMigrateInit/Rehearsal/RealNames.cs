using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// What tables and columns that alterations work on are called in the real database, where none of them has run: alterations before may have
/// renamed them, or made them.
/// </summary>
internal sealed class RealNames
{
    private readonly Dictionary<(string Kind, string Name), string?> _now;

    /// <param name="objects">The real database.</param>
    public RealNames(IEnumerable<SchemaObject> objects) =>
        _now = objects.Where(each => IsFollowed(each.Kind)).DistinctBy(each => (each.Kind, each.Name)).ToDictionary(each => (each.Kind, each.Name), each => (string?)each.Name);

    /// <returns>Null for what the real database does not have.</returns>
    public string? Of(string kind, string name) => _now.GetValueOrDefault((kind, name));

    /// <summary>What is now called so, and is something that the real database has under the same or another name.</summary>
    /// <param name="kind"><c>table</c> or <c>column</c>.</param>
    public IEnumerable<(string Name, string Real)> Kept(string kind) => from each in _now where each.Key.Kind == kind && each.Value is not null select (each.Key.Name, each.Value!);

    /// <summary>Goes on to what is there after an alteration.</summary>
    public void Follow(RehearsedAlteration alteration)
    {
        var changes = alteration.Changes.Where(change => IsFollowed(change.Kind)).ToArray();
        var renamed = changes.Where(change => change.What == ChangeKind.Renamed).Select(change => (change, Real: Of(change.Kind, change.Before!))).ToArray();
        foreach (var gone in changes.Where(change => change.What is ChangeKind.Dropped or ChangeKind.Renamed))
        {
            Forget(gone.Kind, gone.What == ChangeKind.Renamed ? gone.Before! : gone.Name, gone.What == ChangeKind.Renamed ? gone.Name : null);
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

    /// <param name="kind">What goes.</param>
    /// <param name="name">What it was called.</param>
    /// <param name="newName">What it is called now, and its columns with it; null when it is gone.</param>
    private void Forget(string kind, string name, string? newName)
    {
        _now.Remove((kind, name));
        foreach (var (column, real) in kind == "table" ? [.. _now.Where(each => each.Key.Kind == "column" && each.Key.Name.StartsWith($"{name}.", StringComparison.Ordinal))] : Array.Empty<KeyValuePair<(string Kind, string Name), string?>>())
        {
            _now.Remove(column);
            if (newName is not null)
            {
                _now[("column", $"{newName}{column.Name[name.Length..]}")] = real;
            }
        }
    }
}
