using System.Globalization;
using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Alterations;

/// <summary>
/// One migration script that a Logto release ships. The grammar of its file name is the CLI's own
/// (<c>packages/cli/src/commands/database/alteration/utils.ts</c> and <c>version.ts</c>).
/// </summary>
/// <param name="FileName">The file's name without a folder, such as <c>1.41.0-1780381219-add-username-policy.js</c>.</param>
/// <param name="Timestamp">Seconds since 1970; six alterations of 1.0.0-rc have decimals, hence no integer.</param>
internal sealed partial record Alteration(string FileName, double Timestamp)
{
    /// <summary>The CLI refuses longer ones: they would be milliseconds.</summary>
    private const int MaximumDigits = 10;

    /// <summary>The release in the file's name, such as <c>1.41.0</c> or <c>next</c>.</summary>
    public string Version => FileName.Split('-')[0].Replace('_', '-');

    /// <summary>The last part of the file's name, such as <c>add-username-policy</c>.</summary>
    public string Name => Path.GetFileNameWithoutExtension(NamePart().Match(FileName).Groups[1].Value);

    /// <summary>The timestamp as Logto writes it.</summary>
    public string FormattedTimestamp => AlterationState.Format(Timestamp);

    /// <summary>Reads a file's name.</summary>
    /// <returns>Null when the CLI does not take the file for an alteration.</returns>
    /// <exception cref="FormatException">The CLI would stop at this name, or could not order it.</exception>
    public static Alteration? Parse(string fileName)
    {
        var match = FileNamePattern().Match(fileName);
        if (!match.Success)
        {
            return null;
        }

        var number = match.Groups[1].Value;
        var digits = number.Split('.')[0].Length;
        return digits is > 0 and <= MaximumDigits
            && double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var timestamp)
            ? new Alteration(fileName, timestamp)
            : throw new FormatException($"the timestamp '{number}' in the file name '{fileName}' is not one that Logto's CLI can read");
    }

    [GeneratedRegex(@"-([0-9.]+)-?[^\n\r\u2028\u2029]*\.js\z", RegexOptions.CultureInvariant)]
    private static partial Regex FileNamePattern();

    [GeneratedRegex(@"-[0-9.]+-(.*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePart();
}
