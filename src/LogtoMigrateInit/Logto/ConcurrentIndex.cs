using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Logto;

/// <summary>An index that an alteration builds outside a transaction, so that an interrupted run can leave it behind.</summary>
/// <param name="Name">The index, as PostgreSQL folds it.</param>
/// <param name="Table">The table it is built on.</param>
/// <param name="IfNotExists">Whether the script accepts an existing index of that name.</param>
internal sealed partial record ConcurrentIndex(string Name, string Table, bool IfNotExists)
{
    /// <summary>The function that runs outside a transaction before an alteration is deployed.</summary>
    public const string BeforeUp = "beforeUp";

    /// <summary>The function that runs outside a transaction before an alteration is reverted.</summary>
    public const string BeforeDown = "beforeDown";

    /// <summary>
    /// Finds the indexes of one function only: <c>beforeDown</c> creates legitimate indexes of the release before. This is no parser of
    /// JavaScript. It reads a function that only calls <c>….query(sql`…`)</c>, as all of Logto's do, and rejects every other one.
    /// </summary>
    /// <param name="script">The script's text.</param>
    /// <param name="property"><see cref="BeforeUp"/> or <see cref="BeforeDown"/>.</param>
    /// <returns>Empty when there is no such function; null when the program cannot read it.</returns>
    public static IReadOnlyList<ConcurrentIndex>? FindIn(string script, string property)
    {
        // Nearly all scripts lack it, and a quick start asks about the last one.
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

    /// <returns>The SQL of all calls; null when the function does anything else, because it could build an index out of sight.</returns>
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

    // What only looks like a comment inside a string or a template stays.
    [GeneratedRegex(
        """//[^\n]*|/\*.*?\*/|(?<text>`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")""",
        RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(?:beforeUp|beforeDown)\b", RegexOptions.CultureInvariant)]
    private static partial Regex HookName();

    // `{ beforeUp: …`, `, async beforeUp(…`, `, 'up': …`: no shorthand and no variable.
    [GeneratedRegex(
        """[{,]\s*(?:async\s+)?(?<quote>['"]?)(?<name>beforeUp|up|beforeDown|down)\k<quote>\s*(?=[:(])""",
        RegexOptions.CultureInvariant)]
    private static partial Regex Property();

    [GeneratedRegex(@"\bquery\(\s*sql\s*`(?<sql>[^`\\]*)`\s*\)", RegexOptions.CultureInvariant)]
    private static partial Regex Query();

    // A function without strings, templates, regular expressions and computed names.
    [GeneratedRegex(
        @"^\s*:?\s*(?:async\s*)?(?:function\s*\w*\s*)?(?:\([\w\s,]*\)|\w+)\s*(?:=>|{)[\w\s(){};:,.=>!&|]*\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex PlainCode();

    [GeneratedRegex(
        @"(?<=[\w).}]\s*)(?<!\b(?:async|function|if|for|while|switch|catch|return|await)\s*)\(",
        RegexOptions.CultureInvariant)]
    private static partial Regex Call();

    // Comments and string literals.
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
