namespace LogtoMigrateInit.Drift;

/// <summary>Drift in words.</summary>
internal static class DriftText
{
    private const int Few = 3;

    /// <summary>Returns the first missing or different objects, for a sentence.</summary>
    public static string Some(DriftReport drift)
    {
        var differences = drift.Differences.Where(difference => difference.What != Difference.Added).ToArray();
        var more = differences.Length > Few ? $" and {differences.Length - Few} more" : "";
        return $"{string.Join(", ", differences.Take(Few).Select(Of))}{more}";
    }

    /// <summary>One difference as a phrase, such as <c>index users__name on users is missing</c>.</summary>
    public static string Of(SchemaDifference difference) => difference.What switch
    {
        Difference.Missing => $"{difference.Kind} {difference.Name} is missing",
        Difference.Added => $"{difference.Kind} {difference.Name} is not Logto's",
        _ when IsLong(difference) => $"{difference.Kind} {difference.Name} is another one",
        _ => $"{difference.Kind} {difference.Name} is {Line(difference.Found)} instead of {Line(difference.Expected)}",
    };

    /// <summary>Whether the statement that repairs it has comments, which would change its meaning on one line.</summary>
    public static bool IsLong(SchemaDifference difference) => difference.Kind == "function";

    /// <summary>A definition or a statement on one line; empty for none.</summary>
    public static string Line(string? definition) =>
        string.Join(' ', (definition ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
