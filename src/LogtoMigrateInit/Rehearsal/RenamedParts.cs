using System.Text;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The objects that one alteration renamed. Names and definitions of other objects, such as an index or a policy of a table, contain these
/// names, although these objects did not change.
/// </summary>
internal sealed class RenamedParts
{
    private const string References = " REFERENCES ";

    private readonly List<TracedChange> _tables = [];

    private readonly List<TracedChange> _columns = [];

    private readonly List<(string Before, string After)> _words = [];

    /// <param name="changes">All changes of the alteration.</param>
    public RenamedParts(IReadOnlyList<TracedChange> changes)
    {
        foreach (var change in changes.Where(change => change is { Before: { } before, After: { } after } && before.Name != after.Name))
        {
            if (RehearsedAlteration.Relations.Contains(change.Kind))
            {
                _tables.Add(change);
            }
            else if (change.Kind == "column")
            {
                _columns.Add(change);
            }

            if (change.Kind is "function" or "enum" || RehearsedAlteration.Relations.Contains(change.Kind))
            {
                _words.Add((OwnName(change.Before!), OwnName(change.After!)));
            }
        }
    }

    /// <summary>Returns the name that an object would have if only its table or its column was renamed.</summary>
    public string Name(TracedObject part)
    {
        if (RehearsedAlteration.Relations.Contains(part.Kind))
        {
            return part.Name;
        }

        // A renamed column itself is not adapted, because its own name shows the change.
        if (part.Kind != "column" && _columns.Find(each => Begins(part.Name, each.Before!.Name, ' ')) is { } column)
        {
            return column.After!.Name + part.Name[column.Before!.Name.Length..];
        }

        foreach (var (before, after) in _tables.Select(table => (table.Before!.Name, table.After!.Name)))
        {
            if (part.Name.EndsWith($" on {before}", StringComparison.Ordinal))
            {
                return part.Name[..^before.Length] + after;
            }

            if (Begins(part.Name, before, '.') || Begins(part.Name, before, ' '))
            {
                return after + part.Name[before.Length..];
            }
        }

        return part.Name;
    }

    /// <summary>Returns the definition that an object would have if only names changed.</summary>
    public string Definition(TracedObject before, TracedObject after)
    {
        // Columns of two tables often have the same name, so a foreign key is read in two parts.
        var at = before.Kind == "constraint" ? before.Definition.IndexOf(References, StringComparison.Ordinal) : -1;
        var (own, other) = at < 0 ? (before.Definition, "") : (before.Definition[..at], before.Definition[at..]);
        foreach (var column in _columns)
        {
            var (table, was, now) = (column.Before!.Table, OwnName(column.Before), OwnName(column.After!));
            own = before.Table == table ? Replace(own, was, now) : own;
            other = other.StartsWith($"{References}{table}(", StringComparison.Ordinal) ? Replace(other, was, now) : other;
        }

        // An index and a trigger have their own names in their definitions.
        return _words.Append((OwnName(before), OwnName(after)))
            .Aggregate(own + other, (text, word) => Replace(text, word.Item1, word.Item2));
    }

    /// <summary>Returns a name without its table, and a function's name without its arguments.</summary>
    private static string OwnName(TracedObject part) => part.Kind switch
    {
        "column" => SqlNames.Part(part.Name).Column,
        "function" => part.Name[..part.Name.IndexOf('(', StringComparison.Ordinal)],
        _ when part.Table is { } table && part.Name.EndsWith($" on {table}", StringComparison.Ordinal) =>
            part.Name[..^$" on {table}".Length],
        _ => part.Name,
    };

    private static bool Begins(string name, string beginning, char next) =>
        name.StartsWith(beginning, StringComparison.Ordinal) && (name.Length == beginning.Length || name[beginning.Length] == next);

    /// <summary>Replaces whole names only. An index <c>users__id</c> keeps its name when its table <c>users</c> is renamed.</summary>
    private static string Replace(string text, string before, string after)
    {
        if (before == after)
        {
            return text;
        }

        var result = new StringBuilder();
        var from = 0;
        for (int at; (at = text.IndexOf(before, from, StringComparison.Ordinal)) >= 0; from = at + before.Length)
        {
            var end = at + before.Length;
            var isWhole = (at == 0 || !IsOfName(text[at - 1])) && (end == text.Length || !IsOfName(text[end]));
            result.Append(text, from, at - from).Append(isWhole ? after : before);
        }

        return result.Append(text, from, text.Length - from).ToString();
    }

    private static bool IsOfName(char character) => char.IsLetterOrDigit(character) || character is '_' or '$' or '"';
}
