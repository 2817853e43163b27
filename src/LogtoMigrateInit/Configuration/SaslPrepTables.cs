using System.Globalization;

namespace LogtoMigrateInit.Configuration;

/// <summary>What SASLprep must know of Unicode, from <c>SaslPrepTables.txt</c>, which a script beside it writes.</summary>
internal sealed class SaslPrepTables
{
    // Hangul syllables are numbered by their parts (https://www.unicode.org/versions/latest/core-spec/chapter-3/#G56669).
    private const int FirstSyllable = 0xAC00;
    private const int FirstLead = 0x1100;
    private const int FirstVowel = 0x1161;
    private const int BeforeFirstTail = 0x11A7;
    private const int Leads = 19;
    private const int Vowels = 21;
    private const int Tails = 28; // with the one that is none
    private const int Syllables = Leads * Vowels * Tails;

    private readonly Dictionary<string, (int First, int Last)[]> _sets = [];
    private readonly Dictionary<int, int[]> _parts = [];
    private readonly Dictionary<(int First, int Second), int> _composites = [];
    private readonly (int Order, (int First, int Last)[] Marks)[] _orders;

    private SaslPrepTables(TextReader lines)
    {
        var orders = new List<(int, (int, int)[])>();
        while (lines.ReadLine()?.Split(' ') is [var kind, .. var words])
        {
            switch (kind)
            {
                case "#":
                    break;
                case "order":
                    orders.Add((int.Parse(words[0], CultureInfo.InvariantCulture), [.. words[1..].Select(Range)]));
                    break;
                case "pair" or "become":
                    AddParts(Range(words[0]).First, words[1..], composes: kind == "pair");
                    break;
                default:
                    _sets.Add(kind, [.. words.Select(Range)]);
                    break;
            }
        }

        _orders = [.. orders];
    }

    /// <summary>Takes a few milliseconds; only a password that is not ASCII needs it.</summary>
    public static SaslPrepTables Read()
    {
        using var lines = new StreamReader(typeof(SaslPrepTables).Assembly.GetManifestResourceStream("SaslPrepTables.txt")!);
        return new SaslPrepTables(lines);
    }

    /// <summary>RFC 3454's table C.1.2: mapped to a space.</summary>
    public bool IsSpace(int character) => Holds(_sets["space"], character);

    /// <summary>Table B.1, but for the one that is a space too.</summary>
    public bool IsMappedToNothing(int character) => Holds(_sets["nothing"], character);

    /// <summary>Tables A.1 (not assigned in Unicode 3.2) and C.1.2 to C.9 (prohibited).</summary>
    public bool IsRefused(int character) => Holds(_sets["refused"], character);

    /// <summary>Table D.1.</summary>
    public bool IsRightToLeft(int character) => Holds(_sets["right-to-left"], character);

    /// <summary>Table D.2.</summary>
    public bool IsLeftToRight(int character) => Holds(_sets["left-to-right"], character);

    /// <summary>The canonical combining class: 0 for a letter, and for a mark its place among other marks of the letter.</summary>
    public int OrderOf(int character) => _orders.FirstOrDefault(order => Holds(order.Marks, character)).Order;

    /// <summary>What is left of a character when all that can be taken apart is.</summary>
    public IEnumerable<int> PartsOf(int character)
    {
        if (character - FirstSyllable is >= 0 and < Syllables and var syllable)
        {
            int[] parts = [FirstLead + (syllable / Tails / Vowels), FirstVowel + (syllable / Tails % Vowels), BeforeFirstTail + (syllable % Tails)];
            return parts[2] == BeforeFirstTail ? parts[..2] : parts;
        }

        return _parts.TryGetValue(character, out var apart) ? apart.SelectMany(PartsOf) : [character];
    }

    /// <summary>The one character that two make together.</summary>
    public int? Composite(int first, int second)
    {
        if (first - FirstLead is >= 0 and < Leads and var lead && second - FirstVowel is >= 0 and < Vowels and var vowel)
        {
            return FirstSyllable + (((lead * Vowels) + vowel) * Tails);
        }

        if (first - FirstSyllable is >= 0 and < Syllables and var syllable && syllable % Tails == 0 && second - BeforeFirstTail is > 0 and < Tails and var tail)
        {
            return first + tail;
        }

        return _composites.TryGetValue((first, second), out var composite) ? composite : null;
    }

    /// <summary>Each text belongs to the next character: <c>41+300</c> is a sequence, and <c>41-5A</c> are as many texts of one letter.</summary>
    private void AddParts(int character, IEnumerable<string> texts, bool composes)
    {
        foreach (var text in texts)
        {
            if (text.Contains('+', StringComparison.Ordinal))
            {
                int[] parts = [.. text.Split('+').Select(Hexadecimal)];
                if (composes)
                {
                    _composites.Add((parts[0], parts[1]), character);
                }

                _parts.Add(character++, parts);
                continue;
            }

            var (first, last) = Range(text);
            for (var part = first; part <= last; part++)
            {
                _parts.Add(character++, [part]);
            }
        }
    }

    private static bool Holds((int First, int Last)[] ranges, int character) => ranges.Any(range => range.First <= character && character <= range.Last);

    private static (int First, int Last) Range(string text)
    {
        var ends = text.Split('-');
        return (Hexadecimal(ends[0]), Hexadecimal(ends[^1]));
    }

    private static int Hexadecimal(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
