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

    /// <summary>
    /// Returns the value for the CLI: the operator's, else no limit, because slonik's 60 s would cancel a long index build.
    /// </summary>
    public static string ForCli(string text) => Parse(text) is null ? Disabled : text.Trim();

    /// <summary>
    /// Returns the time-out that Logto's driver sends at login, in milliseconds; null: none. The default is slonik's 60 s.
    /// </summary>
    public static string? ForLogto(string text) => text.Trim() == Disabled ? null : Parse(text) is null ? "60000" : text.Trim();

    /// <summary>Whether every statement would fail: slonik turns 0 into 1 ms, and PostgreSQL refuses negative and 33-bit values.</summary>
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
