using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// An index that an alteration builds outside a transaction, so that an interrupted run can leave it behind.
/// </summary>
/// <param name="Name">The index, as PostgreSQL folds it.</param>
/// <param name="Table">The table it is built on.</param>
/// <param name="IfNotExists">Whether the script accepts an index of that name that is there already.</param>
internal sealed partial record ConcurrentIndex(string Name, string Table, bool IfNotExists)
{
    /// <summary>What an alteration does outside of a transaction, before it is deployed.</summary>
    public const string BeforeUp = "beforeUp";

    /// <summary>The same before it is reverted.</summary>
    public const string BeforeDown = "beforeDown";

    private static readonly string[] WordsBeforeParentheses = ["async", "function", "if", "for", "while", "switch", "catch", "return", "await"];

    /// <summary>
    /// Finds them in a script's text, in one function only: what <c>beforeDown</c> creates are legitimate indexes of the release before.
    /// </summary>
    /// <param name="script">The text.</param>
    /// <param name="property"><see cref="BeforeUp"/> or <see cref="BeforeDown"/>.</param>
    /// <returns>Empty when there is no such function; null when it does something in words that are not understood.</returns>
    public static IReadOnlyList<ConcurrentIndex>? FindIn(string script, string property)
    {
        if (!script.Contains(property, StringComparison.Ordinal))
        {
            return []; // nearly all of them, and a quick start asks about the last one
        }

        var tokens = ScriptToken.Read(script);
        var mentions = tokens.Index().Where(each => each.Item.Is(property) || each.Item.Text.AsSpan().Trim("'\"").SequenceEqual(property)).Select(each => each.Index).ToArray();
        if (mentions.Length == 0)
        {
            return [];
        }

        if (mentions is not [var name] || !IsProperty(tokens, name) || StatementsIn([.. ValueAfter(tokens, name)]) is not { } statements)
        {
            return null;
        }

        var sql = SqlNoise().Replace(string.Join(";\n", statements), " ");
        var indexes = Creation().Matches(sql)
            .Select(match => new ConcurrentIndex(
                Unquote(match.Groups["index"].Value), Unquote(match.Groups["table"].Value), match.Groups["guard"].Success))
            .ToArray();
        return indexes.Length == AnyCreation().Count(sql) ? indexes : null;
    }

    /// <summary><c>{ beforeUp: …</c>, <c>, beforeUp(…</c>, also with <c>async</c>; not a shorthand or a variable.</summary>
    private static bool IsProperty(IReadOnlyList<ScriptToken> tokens, int name)
    {
        var before = name > 0 && tokens[name - 1].Is("async") ? name - 2 : name - 1;
        return before >= 0 && (tokens[before].Is("{") || tokens[before].Is(",")) && name + 1 < tokens.Count && (tokens[name + 1].Is(":") || tokens[name + 1].Is("("));
    }

    /// <summary>To the comma or the brace that ends the property.</summary>
    private static IEnumerable<ScriptToken> ValueAfter(IReadOnlyList<ScriptToken> tokens, int name)
    {
        var depth = 0;
        foreach (var token in tokens.Skip(name + 1))
        {
            depth += token.Kind != ScriptTokenKind.Mark ? 0 : token.Text switch { "(" or "[" or "{" => 1, ")" or "]" or "}" => -1, _ => 0 };
            if (depth < 0 || (depth == 0 && token.Is(",")))
            {
                yield break;
            }

            yield return token;
        }
    }

    /// <summary>The statements of all calls of the form <c>….query(sql`…`</c>.</summary>
    /// <returns>Null when anything else is called or computed, or nothing is a function here: it could build an index out of sight.</returns>
    private static List<string>? StatementsIn(ScriptToken[] value)
    {
        var statements = new List<string>();
        foreach (var (index, token) in value.Index())
        {
            var before = index > 0 ? value[index - 1] : default;
            var isCall = token.Is("(") && index > 0
                && (before.Kind == ScriptTokenKind.Word ? !WordsBeforeParentheses.Contains(before.Text) : before.Is(")") || before.Is("]") || before.Is(".") || before.Is("}"));
            switch (token.Kind)
            {
                case ScriptTokenKind.Template when before.Is("sql"):
                    statements.Add(token.Text);
                    break;
                case ScriptTokenKind.Template or ScriptTokenKind.ComputedTemplate:
                case ScriptTokenKind.Mark when isCall && !(before.Is("query") && value[(index + 1)..] is [var tag, { Kind: ScriptTokenKind.Template }, ..] && tag.Is("sql")):
                    return null;
            }
        }

        return value.Any(token => token.Is("{") || token.Is("=")) ? statements : null;
    }

    private static string Unquote(string identifier) =>
        identifier.StartsWith('"') ? identifier.Trim('"') : identifier.ToLowerInvariant();

    // Comments and string literals.
    [GeneratedRegex(@"/\*.*?\*/|--[^\n]*|'(?:''|[^'])*'", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex SqlNoise();

    [GeneratedRegex(
        @"\bcreate\s+(unique\s+)?index\s+concurrently\s+(?<guard>if\s+not\s+exists\s+)?(?<index>\w+|""[^""]+"")\s+on\s+(only\s+)?((public|""public"")\.)?(?<table>\w+|""[^""]+"")",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Creation();

    [GeneratedRegex(@"\bcreate\s+(unique\s+)?index\s+concurrently\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnyCreation();
}
