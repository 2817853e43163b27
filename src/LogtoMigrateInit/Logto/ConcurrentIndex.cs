using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Logto;

/// <summary>An index that an alteration builds outside a transaction. An interrupted run can leave it behind.</summary>
/// <param name="Name">The index's name, in lower case unless the script quotes it, as in PostgreSQL.</param>
/// <param name="Table">The table of the index.</param>
/// <param name="IfNotExists">Whether the script accepts an existing index of that name.</param>
internal sealed partial record ConcurrentIndex(string Name, string Table, bool IfNotExists)
{
    /// <summary>The function that runs outside a transaction before an alteration is deployed.</summary>
    public const string BeforeUp = "beforeUp";

    /// <summary>The function that runs outside a transaction before an alteration is reverted.</summary>
    public const string BeforeDown = "beforeDown";

    /// <summary>
    /// Finds the indexes that one function of a script creates. Reason: the indexes of <c>beforeDown</c> belong to the older release. This
    /// is no parser of JavaScript. It reads functions that only call <c>….query(sql`…`)</c>, as all of Logto's do, and rejects all others.
    /// </summary>
    /// <param name="property"><see cref="BeforeUp"/> or <see cref="BeforeDown"/>.</param>
    /// <returns>Empty when the script has no such function; null when the program cannot read the function.</returns>
    public static IReadOnlyList<ConcurrentIndex>? FindIn(string script, string property)
    {
        // Nearly all scripts lack the function. Every start asks about the last script, so the answer must be fast.
        if (!script.Contains(property, StringComparison.Ordinal))
        {
            return [];
        }

        var code = Comment().Replace(script, match => match.Groups["text"].Value);
        var names = HookName().Matches(code).Where(match => match.Value == property).ToArray();
        if (names.Length == 0)
        {
            return [];
        }

        var properties = Property().Matches(code);
        var own = properties.FirstOrDefault(match => match.Groups["name"].Value == property);
        if (names.Length > 1 || own is null)
        {
            return null;
        }

        var start = own.Index + own.Length;
        var next = properties.FirstOrDefault(match => match.Index >= start);
        return StatementsIn(code[start..(next?.Index ?? code.Length)]) is { } sql ? IndexesIn(sql) : null;
    }

    /// <returns>The SQL of all calls. Null when the function does anything else, because that code could build an index too.</returns>
    private static string? StatementsIn(string function)
    {
        var statements = Query().Matches(function).Select(match => match.Groups["sql"].Value).ToArray();
        var rest = Query().Replace(function, "");
        var isPlain = PlainCode().IsMatch(rest) && !Call().IsMatch(rest) && !HookName().IsMatch(rest);
        return isPlain && !statements.Any(sql => sql.Contains("${", StringComparison.Ordinal)) ? string.Join(";\n", statements) : null;
    }

    private static ConcurrentIndex[]? IndexesIn(string statements)
    {
        var sql = SqlNoise().Replace(statements, " ");
        var indexes = Creation().Matches(sql)
            .Select(match => new ConcurrentIndex(
                Unquote(match.Groups["index"].Value), Unquote(match.Groups["table"].Value), match.Groups["guard"].Success))
            .ToArray();
        return indexes.Length == AnyCreation().Count(sql) ? indexes : null;
    }

    private static string Unquote(string identifier) =>
        identifier.StartsWith('"') ? identifier.Trim('"') : identifier.ToLowerInvariant();

    // Removes comments. Strings and templates stay, even if they contain the marks of a comment.
    [GeneratedRegex(
        """//[^\n]*|/\*.*?\*/|(?<text>`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")""",
        RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(?:beforeUp|beforeDown)\b", RegexOptions.CultureInvariant)]
    private static partial Regex HookName();

    // Matches `{ beforeUp: …`, `, async beforeUp(…` and `, 'up': …`, but no shorthand and no variable.
    [GeneratedRegex(
        """[{,]\s*(?:async\s+)?(?<quote>['"]?)(?<name>beforeUp|up|beforeDown|down)\k<quote>\s*(?=[:(])""",
        RegexOptions.CultureInvariant)]
    private static partial Regex Property();

    [GeneratedRegex(@"\bquery\(\s*sql\s*`(?<sql>[^`\\]*)`\s*\)", RegexOptions.CultureInvariant)]
    private static partial Regex Query();

    // Matches a function without strings, templates, regular expressions and computed names.
    [GeneratedRegex(
        @"^\s*:?\s*(?:async\s*)?(?:function\s*\w*\s*)?(?:\([\w\s,]*\)|\w+)\s*(?:=>|{)[\w\s(){};:,.=>!&|]*\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex PlainCode();

    [GeneratedRegex(
        @"(?<=[\w).}]\s*)(?<!\b(?:async|function|if|for|while|switch|catch|return|await)\s*)\(",
        RegexOptions.CultureInvariant)]
    private static partial Regex Call();

    // Matches SQL comments and string literals.
    [GeneratedRegex(@"/\*.*?\*/|--[^\n]*|'(?:''|[^'])*'", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex SqlNoise();

    [GeneratedRegex(
        """
        \bcreate\s+(unique\s+)?index\s+concurrently\s+(?<guard>if\s+not\s+exists\s+)?(?<index>\w+|"[^"]+")
        \s+on\s+(only\s+)?((public|"public")\.)?(?<table>\w+|"[^"]+")
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Creation();

    [GeneratedRegex(@"\bcreate\s+(unique\s+)?index\s+concurrently\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnyCreation();
}
