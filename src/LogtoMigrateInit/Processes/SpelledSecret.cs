using System.Buffers;
using System.Globalization;
using System.Text;

namespace LogtoMigrateInit.Processes;

/// <summary>
/// A secret that is found in any spelling, also a mixed one: each of its characters may stand for itself, percent-encoded (in a URL
/// within a URL: twice), behind backslashes, as an escape of JSON or JavaScript, or doubled as in SQL. Letters' case does not count.
/// </summary>
internal sealed class SpelledSecret(string secret)
{
    private readonly Rune[] _characters = [.. secret.EnumerateRunes()];

    /// <summary>With what any spelling begins; nearly all of a line is passed over by it.</summary>
    private readonly SearchValues<char> _beginnings =
        SearchValues.Create([secret[0], char.ToLowerInvariant(secret[0]), char.ToUpperInvariant(secret[0]), '%', '\\', '+', '\'']);

    /// <summary>Writes <paramref name="mask"/> in place of the secret, wherever it stands.</summary>
    public string Hide(string line, string mask)
    {
        var shown = new StringBuilder();
        var copied = 0;
        for (var start = 0; line.AsSpan(start).IndexOfAny(_beginnings) is var skipped and >= 0;)
        {
            start += skipped;
            if (FindEnd(line, start) is { } end)
            {
                shown.Append(line, copied, start - copied).Append(mask);
                copied = start = end;
            }
            else
            {
                start++;
            }
        }

        return copied == 0 ? line : shown.Append(line, copied, line.Length - copied).ToString();
    }

    /// <returns>Where the longest spelling that begins at <paramref name="start"/> ends; null when none does.</returns>
    private int? FindEnd(string line, int start)
    {
        // One spelling can be the beginning of another ("\" and "\\"), so all that fit so far are followed.
        List<int> ends = [start];
        foreach (var character in _characters)
        {
            ends = [.. ends.SelectMany(end => Ends(line, end, character)).Distinct()];
            if (ends.Count == 0)
            {
                return null;
            }
        }

        return ends.Max();
    }

    private static IEnumerable<int> Ends(string line, int start, Rune character)
    {
        if (Skip(line, start, $"{character}") is { } itself)
        {
            yield return itself;
        }

        switch (start < line.Length ? line[start] : '\0')
        {
            case '%':
                foreach (var end in PercentEncodedEnds(line, start, character))
                {
                    yield return end;
                }

                break;
            case '\\':
                foreach (var end in EscapedEnds(line, start, character))
                {
                    yield return end;
                }

                break;
            case '+' when character.Value == ' ':
                yield return start + 1;
                break;
            case '\'' when character.Value == '\'' && Skip(line, start, "''") is { } doubled:
                yield return doubled;
                break;
        }
    }

    private static IEnumerable<int> PercentEncodedEnds(string line, int start, Rune character)
    {
        const string Percent = "25"; // what "%" becomes, once more for each encoding
        int? end = start;
        foreach (var code in Encoding.UTF8.GetBytes($"{character}").Select(code => code.ToString("x2", CultureInfo.InvariantCulture)))
        {
            end = end is { } at ? Skip(line, at, "%") : null;
            while (end is { } behind && Skip(line, behind, Percent) is { } further)
            {
                end = further;
                if (code == Percent)
                {
                    yield return further;
                }
            }

            end = end is { } digits ? Skip(line, digits, code) : null;
        }

        if (end is { } last)
        {
            yield return last;
        }
    }

    private static IEnumerable<int> EscapedEnds(string line, int start, Rune character)
    {
        string?[] escapes =
        [
            $"{character}",
            character.Value < 0x100 ? $"x{character.Value:x2}" : null,
            character.Value switch { '\n' => "n", '\r' => "r", '\t' => "t", '\b' => "b", '\f' => "f", '\v' => "v", 0 => "0", _ => null },
        ];
        for (var behind = start; behind < line.Length && line[behind] == '\\';)
        {
            behind++;
            foreach (var escape in escapes)
            {
                if (escape is not null && Skip(line, behind, escape) is { } end)
                {
                    yield return end;
                }
            }

            if (UnicodeEscapeEnd(line, behind, $"{character}") is { } unicode)
            {
                yield return unicode;
            }
        }
    }

    /// <summary><c>\ud83d\ude00</c>; the first backslash has been read.</summary>
    private static int? UnicodeEscapeEnd(string line, int start, string units)
    {
        var end = start;
        for (var index = 0; index < units.Length; index++)
        {
            if (Skip(line, index == 0 ? end : SkipBackslashes(line, end), $"u{(int)units[index]:x4}") is not { } next)
            {
                return null;
            }

            end = next;
        }

        return end;
    }

    private static int SkipBackslashes(string line, int start)
    {
        while (start < line.Length && line[start] == '\\')
        {
            start++;
        }

        return start;
    }

    private static int? Skip(string line, int start, string text) =>
        string.Compare(line, start, text, 0, text.Length, StringComparison.OrdinalIgnoreCase) == 0 ? start + text.Length : null;
}
