namespace LogtoMigrateInit.Settings;

/// <summary>Finds the known name that is nearest to a misspelled word.</summary>
internal static class NearestName
{
    /// <param name="farthest">The highest accepted Levenshtein distance.</param>
    /// <returns>Null when no name is similar enough.</returns>
    public static string? Of(string word, IEnumerable<string> names, int farthest) =>
        names.MinBy(name => Distance(word, name)) is { } nearest && Distance(word, nearest) <= farthest ? nearest : null;

    /// <summary>Returns the Levenshtein distance.</summary>
    private static int Distance(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        foreach (var (row, character) in left.Index())
        {
            var current = new int[right.Length + 1];
            current[0] = row + 1;
            for (var column = 1; column <= right.Length; column++)
            {
                var substitution = previous[column - 1] + (character == right[column - 1] ? 0 : 1);
                current[column] = Math.Min(substitution, 1 + Math.Min(previous[column], current[column - 1]));
            }

            previous = current;
        }

        return previous[^1];
    }
}
