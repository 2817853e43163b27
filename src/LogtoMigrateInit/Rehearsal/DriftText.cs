namespace LogtoMigrateInit.Rehearsal;

/// <summary>Drift in words.</summary>
internal static class DriftText
{
    private const int Few = 3;

    /// <summary>The first of what is missing or different, for a sentence.</summary>
    public static string Some(DriftReport drift)
    {
        var differences = drift.Differences.Where(difference => difference.What != Difference.Added && difference.Kind != "storage parameters").ToArray();
        return $"{string.Join(", ", differences.Take(Few).Select(Of))}{(differences.Length > Few ? $" and {differences.Length - Few} more" : "")}";
    }

    /// <summary>One difference as a phrase, such as <c>index users__name on users is missing</c>.</summary>
    public static string Of(SchemaDifference difference) => difference.What switch
    {
        Difference.Missing => $"{difference.Kind} {difference.Name} is missing",
        Difference.Added => $"{difference.Kind} {difference.Name} is not Logto's",
        _ => $"{difference.Kind} {difference.Name} is {Line(difference.Found)} instead of {Line(difference.Expected)}",
    };

    /// <summary>A definition or a statement on one line; empty for none.</summary>
    public static string Line(string? definition) => string.Join(' ', (definition ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
