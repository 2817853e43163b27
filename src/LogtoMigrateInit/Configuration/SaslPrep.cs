using System.Text;

namespace LogtoMigrateInit.Configuration;

/// <summary>
/// The form of a password that SCRAM hashes (RFC 4013), exactly as PostgreSQL and libpq make it: .NET has no Unicode normalisation
/// without ICU, which is larger than the whole program.
/// </summary>
internal static class SaslPrep
{
    /// <summary>Prepares a password.</summary>
    /// <returns>The password as it is when RFC 4013 refuses it: PostgreSQL then hashes its bytes, and so must we.</returns>
    public static string Prepare(string password) => Ascii.IsValid(password) ? password : Prepare(password, SaslPrepTables.Read());

    /// <inheritdoc cref="Prepare(string)"/>
    public static string Prepare(string password, SaslPrepTables tables)
    {
        var mapped = password.EnumerateRunes().Select(rune => rune.Value)
            .Select(character => tables.IsSpace(character) ? ' ' : character)
            .Where(character => !tables.IsMappedToNothing(character))
            .ToArray();

        // Nothing with an unassigned character gets further, so that only characters of Unicode 3.2 need to be normalised. RFC 3454
        // would look at the normalised text; PostgreSQL looks before (src/common/saslprep.c), and its verifiers are what counts.
        if (mapped.Length == 0 || mapped.Any(tables.IsRefused) || MixesDirections(mapped, tables))
        {
            return password;
        }

        return string.Concat(Compose(Decompose(mapped, tables), tables).Select(char.ConvertFromUtf32));
    }

    /// <summary>RFC 3454, section 6: right-to-left text stands alone, and at both ends.</summary>
    private static bool MixesDirections(int[] text, SaslPrepTables tables) =>
        text.Any(tables.IsRightToLeft)
        && (text.Any(tables.IsLeftToRight) || !tables.IsRightToLeft(text[0]) || !tables.IsRightToLeft(text[^1]));

    /// <summary>Normalisation form KD: every character in its parts, and marks that stand on one letter in their canonical order.</summary>
    private static List<int> Decompose(int[] text, SaslPrepTables tables)
    {
        var parts = text.SelectMany(tables.PartsOf).ToList();
        for (var start = 0; start < parts.Count; start++)
        {
            var marks = parts.Skip(start).TakeWhile(part => tables.OrderOf(part) != 0).ToArray();
            foreach (var (index, mark) in marks.OrderBy(tables.OrderOf).Index()) // a stable sort, as it must be
            {
                parts[start + index] = mark;
            }

            start += marks.Length;
        }

        return parts;
    }

    /// <summary>Normalisation form KC: each letter takes up the marks that nothing keeps away from it.</summary>
    private static List<int> Compose(List<int> parts, SaslPrepTables tables)
    {
        var composed = new List<int>(parts.Count);
        var letter = -1;
        foreach (var part in parts)
        {
            var order = tables.OrderOf(part);
            var reaches = letter >= 0 && (letter == composed.Count - 1 || tables.OrderOf(composed[^1]) < order);
            if (reaches && tables.Composite(composed[letter], part) is { } composite)
            {
                composed[letter] = composite;
                continue;
            }

            if (order == 0)
            {
                letter = composed.Count;
            }

            composed.Add(part);
        }

        return composed;
    }
}
