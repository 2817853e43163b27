using System.Text;

namespace LogtoMigrateInit.Drift;

/// <summary>Formats differences as text.</summary>
internal static class DriftText
{
    private const int Few = 3;
    private const int Longest = 100;

    /// <summary>Returns the first three missing or different objects, for a sentence.</summary>
    public static string FirstOf(DriftReport drift)
    {
        var differences = drift.Differences.Where(difference => difference.What != Difference.Added).ToArray();
        var more = differences.Length > Few ? $" and {differences.Length - Few} more" : "";
        return $"{string.Join(", ", differences.Take(Few).Select(Short))}{more}";
    }

    /// <summary>Returns a difference as a clause, such as <c>index users__name on users is missing</c>.</summary>
    public static string Of(SchemaDifference difference) => difference.What switch
    {
        Difference.Missing => $"{difference.Kind} {difference.Name} is missing",
        Difference.Added => $"{difference.Kind} {difference.Name} is not Logto's",
        _ when IsLong(difference) => $"{difference.Kind} {difference.Name} is another one",
        _ => $"{difference.Kind} {difference.Name} is {Value(difference.Found)} instead of {Value(difference.Expected)}",
    };

    /// <summary>Returns the clause without long definitions, for a line of the log.</summary>
    public static string Short(SchemaDifference difference)
    {
        var (kind, name, expected, found) = (difference.Kind, difference.Name, difference.Expected ?? "", difference.Found ?? "");
        return difference.What != Difference.Different || (expected.Length <= Longest && found.Length <= Longest) ? Of(difference)
            : found.StartsWith(expected, StringComparison.Ordinal) && found.Length - expected.Length <= Longest
                ? $"{kind} {name} differs:{found[expected.Length..]}" // such as (disabled)
            : $"{kind} {name} is another one";
    }

    /// <summary>Whether the SQL needs its line breaks, because comments in a function would change its meaning on one line.</summary>
    public static bool IsLong(SchemaDifference difference) => difference.Kind == "function";

    /// <summary>Returns a clause about the SQL for the final message, such as <c>2 of 5 have no SQL</c>.</summary>
    public static string OfSql(DriftReport drift)
    {
        var (all, without) = (drift.Differences.Count, drift.Differences.Count(difference => difference.Sql is null));
        return without == 0 ? "the report above has the SQL that repairs each"
            : without == all ? $"{(all == 1 ? "it has" : "they have")} no SQL that is certain to repair {(all == 1 ? "it" : "them")}"
            : $"{without} of {all} have no SQL, and the report above has it for the others";
    }

    private static string Value(string? definition) => Line(definition) is { Length: > 0 } line ? line : "nothing";

    /// <summary>Returns a definition or a statement on one line. Quoted names and literals stay unchanged. Empty for null.</summary>
    public static string Line(string? definition)
    {
        var line = new StringBuilder();
        var quote = '\0';
        foreach (var character in (definition ?? "").Trim())
        {
            quote = quote != '\0' ? (character == quote ? '\0' : quote) : character is '\'' or '"' ? character : '\0';
            if (quote != '\0' || !char.IsWhiteSpace(character))
            {
                line.Append(character);
            }
            else if (line[^1] != ' ')
            {
                line.Append(' ');
            }
        }

        return line.ToString();
    }
}
