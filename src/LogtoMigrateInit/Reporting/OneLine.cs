using System.Globalization;
using System.Text;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Makes foreign text (names, hosts, files, the CLI's output) safe for one line. Such text cannot forge a line of the log, move the cursor
/// of a terminal, or change the direction of writing.
/// </summary>
internal static class OneLine
{
    /// <summary>
    /// Escapes invisible characters like JavaScript and JSON, for example as <c>\u000a</c>. Half a surrogate pair becomes <c>\ufffd</c>.
    /// </summary>
    public static string Escape(string text)
    {
        if (!text.EnumerateRunes().Any(rune => IsUnseen(rune) || rune == Rune.ReplacementChar))
        {
            return text;
        }

        var line = new StringBuilder(text.Length + 16);
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var isWhole = Rune.DecodeFromUtf16(rest, out var rune, out var length) == System.Buffers.OperationStatus.Done;
            var unseen = isWhole && IsUnseen(rune);
            if (isWhole && !unseen)
            {
                line.Append(rest[..length]);
            }

            foreach (var unit in unseen ? rest[..length] : isWhole ? [] : "\ufffd")
            {
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}");
            }

            rest = rest[length..];
        }

        return line.ToString();
    }

    /// <summary>
    /// Whether a character is invisible: a control character (ESC, U+0085), a separator of lines or paragraphs, or a format character (text
    /// direction).
    /// </summary>
    private static bool IsUnseen(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
