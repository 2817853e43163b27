using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Alterations;

/// <summary>
/// An index that an alteration builds outside a transaction, so that an interrupted run can leave it behind.
/// </summary>
/// <param name="Name">The index, as PostgreSQL folds it.</param>
/// <param name="Table">The table it is built on.</param>
/// <param name="IfNotExists">Whether the script accepts an index of that name that is there already.</param>
internal sealed partial record ConcurrentIndex(string Name, string Table, bool IfNotExists)
{
    /// <summary>
    /// Finds them in a script's text, between <c>beforeUp</c> and <c>up</c> only: <c>beforeDown</c> creates
    /// legitimate indexes of the release before.
    /// </summary>
    /// <returns>Empty when there is no <c>beforeUp</c>; null when it builds an index in words that are not understood.</returns>
    public static IReadOnlyList<ConcurrentIndex>? FindIn(string script)
    {
        var code = Comments().Replace(script, " ");
        var section = BeforeUp().Match(code);
        if (!section.Success)
        {
            return code.Contains("beforeUp", StringComparison.Ordinal) ? null : [];
        }

        var indexes = Creation().Matches(section.Value)
            .Select(match => new ConcurrentIndex(
                Unquote(match.Groups["index"].Value), Unquote(match.Groups["table"].Value), match.Groups["guard"].Success))
            .ToArray();
        return indexes.Length == AnyCreation().Count(section.Value) ? indexes : null;
    }

    private static string Unquote(string identifier) =>
        identifier.StartsWith('"') ? identifier.Trim('"') : identifier.ToLowerInvariant();

    [GeneratedRegex(@"/\*.*?\*/|(?<!:)//[^\n]*|(?<=\s)--[^\n]*", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Comments();

    // Up to the property `up:` (or a method `up(`), whatever stands between; the shortest such text.
    [GeneratedRegex(@"\bbeforeUp\s*[:(].*?(?=[,{\s](async\s+)?up\s*[:(])", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex BeforeUp();

    [GeneratedRegex(
        @"\bcreate\s+(unique\s+)?index\s+concurrently\s+(?<guard>if\s+not\s+exists\s+)?(?<index>\w+|""[^""]+"")\s+on\s+(only\s+)?((public|""public"")\.)?(?<table>\w+|""[^""]+"")",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Creation();

    [GeneratedRegex(@"\bcreate\s+(unique\s+)?index\s+concurrently\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnyCreation();
}
