using System.Text;
using System.Text.RegularExpressions;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Shortens SQL for the log, and removes all literals and comments. Reason: any literal may be a secret (<c>alter role … password '…'</c>,
/// a key, a connection string).
/// </summary>
internal static partial class SqlText
{
    private const int Longest = 200;
    private const int LongestInLog = 100;

    /// <summary>Returns the statement on one line, without literals, with at most 100 characters.</summary>
    public static string ForLog(string sql) => Cut(WithoutLiterals(sql), LongestInLog);

    /// <summary>
    /// Returns the statement on one line, without literals, with at most 200 characters. It follows PostgreSQL's lexical rules, and accepts
    /// a statement whose end is missing.
    /// </summary>
    public static string WithoutLiterals(string sql)
    {
        var shown = new StringBuilder();
        for (var position = 0; position < sql.Length;)
        {
            var token = Token().Match(sql, position);
            position = token.Groups["block"].Success ? EndOfComment(sql, position) : position + token.Length;
            shown.Append(
                token.Groups["block"].Success || token.Groups["comment"].Success ? " "
                : token.Groups["plain"].Success || token.Groups["literal"].Success ? "'***'"
                : token.Value);
            if (token.Groups["plain"].Value.Contains(@"\'", StringComparison.Ordinal))
            {
                // With standard_conforming_strings off the literal continues here, and then the rest cannot be read correctly.
                shown.Append(" …");
                break;
            }
        }

        var line = RolePassword().Replace(Blanks().Replace(shown.ToString(), " ").Trim(), "$1 ***");
        return Cut(line, Longest);
    }

    private static string Cut(string line, int longest) => line.Length > longest ? $"{line[..longest]}…" : line;

    /// <summary>Returns the end of a block comment. PostgreSQL's comments nest.</summary>
    private static int EndOfComment(string sql, int start)
    {
        var depth = 0;
        foreach (Match bracket in CommentBracket().Matches(sql, start))
        {
            depth += bracket.Value == "/*" ? 1 : -1;
            if (depth == 0)
            {
                return bracket.Index + bracket.Length;
            }
        }

        return sql.Length;
    }

    // https://www.postgresql.org/docs/current/sql-syntax-lexical.html
    // A literal may end with the text, because the server truncates long statements.
    [GeneratedRegex(
        """
        \G(?:
          (?<comment>--[^\n]*)
        | (?<block>/\*)
        | "(?:""|[^"])*"?
        | (?<literal>[eE]'(?:\\[\s\S]|''|[^'\\])*(?:'|\\?\z))
        | (?<plain>'(?:''|[^'])*'?)
        | (?<literal>(?<tag>\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$)[\s\S]*?(?:\k<tag>|\z))
        | [A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*
        | [\s\S])
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    [GeneratedRegex(@"/\*|\*/", RegexOptions.CultureInvariant)]
    private static partial Regex CommentBracket();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Blanks();

    // Matches a password without quotes too. That is a syntax error, but pg_stat_activity still shows the statement.
    [GeneratedRegex(
        """(\b(?:role|user|group)\b.*?\bpassword)\s+(?!null\b|'\*\*\*')("[^"]*"?|\S+)""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex RolePassword();
}
