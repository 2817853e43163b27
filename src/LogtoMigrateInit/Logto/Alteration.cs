using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Logto;

/// <summary>
/// One migration script of a Logto release. Its file name is read as the CLI reads it
/// (<c>packages/cli/src/commands/database/alteration/utils.ts</c> and <c>version.ts</c>).
/// </summary>
/// <param name="FileName">The name without a folder, such as <c>1.41.0-1780381219-add-username-policy.js</c>.</param>
/// <param name="Timestamp">Seconds since 1970. It is no integer, because six alterations of 1.0.0-rc have decimals.</param>
internal sealed partial record Alteration(string FileName, double Timestamp)
{
    /// <summary>The most digits before the point. The CLI refuses more, because they would be milliseconds.</summary>
    private const int MaximumDigits = 10;

    private const string Extension = ".js";

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    /// <summary>The characters that the dot of a JavaScript regular expression does not match.</summary>
    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\u2028\u2029");

    /// <summary>The release in the file's name, such as <c>1.41.0</c> or <c>next</c>.</summary>
    public string Version => FileName.Split('-')[0].Replace('_', '-');

    /// <summary>The last part of the file's name, such as <c>add-username-policy</c>.</summary>
    public string Name => Path.GetFileNameWithoutExtension(NamePart().Match(FileName).Groups[1].Value);

    /// <summary>The timestamp as Logto writes it.</summary>
    public string FormattedTimestamp => AlterationState.Format(Timestamp);

    /// <summary>
    /// Reads a file's name as the CLI's <c>/-([\d.]+)-?.*\.js$/</c> does. It is written by hand for speed, because a catalog has hundreds.
    /// </summary>
    /// <returns>Null when the file is no alteration for the CLI.</returns>
    /// <exception cref="FormatException">The CLI would fail on this name, or could not order it.</exception>
    public static Alteration? Parse(string fileName)
    {
        if (!fileName.EndsWith(Extension, StringComparison.Ordinal))
        {
            return null;
        }

        var stem = fileName.AsSpan(0, fileName.Length - Extension.Length);
        for (var dash = stem.IndexOf('-'); dash >= 0; dash = NextDash(stem, dash))
        {
            var rest = stem[(dash + 1)..];
            var length = rest.IndexOfAnyExcept(NumberCharacters);
            var number = length < 0 ? rest : rest[..length];
            if (number.Length > 0 && !rest[number.Length..].ContainsAny(LineEnds))
            {
                return new Alteration(fileName, ParseTimestamp(number, fileName));
            }
        }

        return null;
    }

    private static int NextDash(ReadOnlySpan<char> stem, int dash) =>
        stem[(dash + 1)..].IndexOf('-') is >= 0 and var next ? dash + 1 + next : -1;

    private static double ParseTimestamp(ReadOnlySpan<char> number, string fileName)
    {
        var digits = number.IndexOf('.') is >= 0 and var point ? point : number.Length;
        if (digits is 0 or > MaximumDigits)
        {
            throw Unreadable(number, fileName);
        }

        // Nearly all timestamps are whole numbers, which are much faster to read.
        if (digits == number.Length)
        {
            return long.Parse(number, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var timestamp)
            ? timestamp
            : throw Unreadable(number, fileName);
    }

    private static FormatException Unreadable(ReadOnlySpan<char> number, string fileName) =>
        new($"the timestamp '{number}' in the file name '{fileName}' is not one that Logto's CLI can read");

    [GeneratedRegex(@"-[0-9.]+-(.*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePart();
}
