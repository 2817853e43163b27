using System.Globalization;
using System.Text;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Text that others chose (names, hosts, files, what the CLI prints) on one line and visible, so that nobody can forge a line of the
/// log, move the cursor of a terminal, or turn the order of the letters round.
/// </summary>
internal static class OneLine
{
    /// <summary>Writes what cannot be seen as JavaScript and JSON do, <c>\u000a</c>; half a surrogate pair is no character and becomes <c>\ufffd</c>.</summary>
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

    /// <summary>Control characters (ESC, U+0085), separators of lines and paragraphs, and formats such as the direction of writing.</summary>
    private static bool IsUnseen(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
