using System.Globalization;

namespace LogtoMigrateInit.Inspections;

/// <summary>The settings of a role for its sessions in this database (<c>pg_db_role_setting</c>) that matter to Logto.</summary>
/// <param name="Wrong">The name of a setting with which Logto fails; null when there is none.</param>
/// <param name="StatementMilliseconds">The <c>statement_timeout</c>; null when none is set.</param>
internal sealed record RoleSettings(string? Wrong, double? StatementMilliseconds)
{
    private static readonly (string Unit, double Milliseconds)[] Units =
        [("us", 0.001), ("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Reads settings in the order of increasing precedence: a later one replaces an earlier one of the same name.</summary>
    /// <param name="settings">
    /// A list such as <c>all row_security=off,role row_security=on</c>. <c>role</c> marks a setting of the role, <c>all</c> a setting for
    /// every role of the database.
    /// </param>
    public static RoleSettings Parse(string settings)
    {
        bool isWithoutRowSecurity = false, isReadOnly = false;
        double? statement = null;
        foreach (var setting in settings.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var isOfRole = setting.StartsWith("role ", StringComparison.Ordinal);
            var parts = setting[(setting.IndexOf(' ', StringComparison.Ordinal) + 1)..].Split('=', 2);
            switch (parts[0])
            {
                case "row_security":
                    isWithoutRowSecurity = IsOff(parts[1]);
                    break;

                // A setting for all roles does not count: a database that is read-only for all gets a warning when nothing is pending.
                case "default_transaction_read_only":
                    isReadOnly = isOfRole && !IsOff(parts[1]);
                    break;

                case "statement_timeout":
                    statement = Milliseconds(parts[1]);
                    break;
            }
        }

        return new RoleSettings(isReadOnly ? "default_transaction_read_only" : isWithoutRowSecurity ? "row_security" : null, statement);
    }

    /// <summary>
    /// Whether PostgreSQL reads the value as false: 0, or a prefix of "false", "no" or "off" (<c>parse_bool</c>). "o" alone is ambiguous.
    /// </summary>
    private static bool IsOff(string value) => value.ToLowerInvariant() is "0" or ['f', ..] or ['n', ..] or ['o', 'f', ..];

    /// <summary>Returns a duration in milliseconds, which is also the default unit; null when the value cannot be read.</summary>
    private static double? Milliseconds(string value)
    {
        var number = value.TrimEnd().TrimEnd([.. "abcdefghijklmnopqrstuvwxyz"]);
        var unit = value.Trim()[number.Length..];
        if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var amount))
        {
            return null;
        }

        return unit.Length == 0
            ? amount
            : Units.Where(each => each.Unit == unit).Select(each => (double?)(amount * each.Milliseconds)).SingleOrDefault();
    }
}
