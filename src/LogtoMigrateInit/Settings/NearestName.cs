namespace LogtoMigrateInit.Settings;

/// <summary>What somebody probably meant to write.</summary>
internal static class NearestName
{
    /// <param name="word">What was written.</param>
    /// <param name="names">What could have been.</param>
    /// <param name="farthest">How many letters may differ.</param>
    /// <returns>Null when none is near.</returns>
    public static string? Of(string word, IEnumerable<string> names, int farthest) =>
        names.MinBy(name => Distance(word, name)) is { } nearest && Distance(word, nearest) <= farthest ? nearest : null;

    /// <summary>The Levenshtein distance.</summary>
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
