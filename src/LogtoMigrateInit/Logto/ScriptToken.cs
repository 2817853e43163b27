using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Logto;

internal enum ScriptTokenKind
{
    /// <summary>A name, a keyword or a number.</summary>
    Word,

    /// <summary>One character of punctuation.</summary>
    Mark,

    /// <summary>A quoted string or a regular expression.</summary>
    Literal,

    /// <summary>A template without <c>${…}</c>.</summary>
    Template,

    /// <summary>A template with <c>${…}</c>, whose text is only known when it runs.</summary>
    ComputedTemplate,
}

/// <summary>As much of JavaScript's grammar as tells code from comments, strings and templates.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its characters; of a template those between the backticks.</param>
internal readonly partial record struct ScriptToken(ScriptTokenKind Kind, string Text)
{
    private static readonly string[] WordsBeforeAnExpression = ["return", "typeof", "case", "in", "of", "await", "void", "throw", "else", "do"];

    public bool Is(string text) => Kind is ScriptTokenKind.Word or ScriptTokenKind.Mark && Text == text;

    /// <summary>Reads a whole script; comments are left out.</summary>
    public static IReadOnlyList<ScriptToken> Read(string script)
    {
        var position = 0;
        return ReadBlock(script, ref position);
    }

    /// <summary>Reads to the brace that closes the block, or to the end.</summary>
    private static List<ScriptToken> ReadBlock(string script, ref int position)
    {
        var tokens = new List<ScriptToken>();
        var depth = 0;
        while (position < script.Length)
        {
            var match = Pattern().Match(script, position);
            if (match.ValueSpan is "/" && IsBeforeAnExpression(tokens) && RegularExpression().Match(script, position) is { Success: true } expression)
            {
                match = expression;
            }

            position += match.Length;
            depth += match.ValueSpan switch { "{" => 1, "}" => -1, _ => 0 };
            if (depth < 0)
            {
                break;
            }

            if (match.ValueSpan is "`")
            {
                tokens.Add(ReadTemplate(script, ref position));
            }
            else if (!match.Groups["skipped"].Success)
            {
                tokens.Add(new ScriptToken(
                    match.Groups["word"].Success ? ScriptTokenKind.Word : match.Groups["literal"].Success ? ScriptTokenKind.Literal : ScriptTokenKind.Mark, match.Value));
            }
        }

        return tokens;
    }

    private static ScriptToken ReadTemplate(string script, ref int position)
    {
        var start = position;
        var kind = ScriptTokenKind.Template;
        while (position < script.Length && script[position] != '`')
        {
            if (script.AsSpan(position).StartsWith("${"))
            {
                kind = ScriptTokenKind.ComputedTemplate;
                position += 2;
                ReadBlock(script, ref position);
            }
            else
            {
                position += script[position] == '\\' ? 2 : 1;
            }
        }

        var end = Math.Min(position, script.Length);
        position = end + 1;
        return new ScriptToken(kind, script[start..end]);
    }

    /// <summary>A slash is a division behind a value, and begins a regular expression elsewhere.</summary>
    private static bool IsBeforeAnExpression(List<ScriptToken> tokens) => tokens is not [.., var last] || last.Kind switch
    {
        ScriptTokenKind.Word => WordsBeforeAnExpression.Contains(last.Text),
        ScriptTokenKind.Mark => last.Text is not (")" or "]"),
        _ => false,
    };

    [GeneratedRegex(
        """
        \G(?:
          (?<skipped>\s+|//[^\n]*|/\*[\s\S]*?(?:\*/|\z))
        | (?<word>[\w$]+)
        | (?<literal>'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*")
        | [\s\S])
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();

    [GeneratedRegex(@"\G(?<literal>/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/\w*)", RegexOptions.CultureInvariant)]
    private static partial Regex RegularExpression();
}
