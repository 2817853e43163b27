using System.Globalization;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// <c>DATABASE_STATEMENT_TIMEOUT</c> as Logto reads it (<c>parseTimeoutEnv</c> in <c>packages/shared</c>): milliseconds as a
/// JavaScript number. Any other text counts as unset.
/// </summary>
internal static class StatementTimeout
{
    public const string Variable = "DATABASE_STATEMENT_TIMEOUT";
    public const string Disabled = "DISABLE_TIMEOUT";

    /// <summary>The value for the CLI: the user's own, else none at all, because slonik's 60 s would kill a long index build.</summary>
    public static string ForCli(string text) => Parse(text) is null ? Disabled : text.Trim();

    /// <summary>The time-out that Logto's driver sends at login, in milliseconds; null: none. Unset is slonik's own 60 s.</summary>
    public static string? ForLogto(string text) => text.Trim() == Disabled ? null : Parse(text) is null ? "60000" : text.Trim();

    /// <summary>slonik turns 0 into 1 ms, and PostgreSQL takes nothing negative and nothing over 32 bits.</summary>
    public static bool IsUnusable(string text) => Parse(text) is <= 0 or > int.MaxValue;

    private static double? Parse(string text)
    {
        var digits = text.Trim();
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return long.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal)
                ? hexadecimal
                : null;
        }

        return double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : null;
    }
}
