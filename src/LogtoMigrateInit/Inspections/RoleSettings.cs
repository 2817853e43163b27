using System.Globalization;

namespace LogtoMigrateInit.Inspections;

/// <summary>The settings of a role for its sessions in this database (<c>pg_db_role_setting</c>) that matter to Logto.</summary>
/// <param name="Wrong">The name of a setting with which Logto fails; null when there is none.</param>
/// <param name="StatementMilliseconds">Its <c>statement_timeout</c>; null when it has none.</param>
internal sealed record RoleSettings(string? Wrong, double? StatementMilliseconds)
{
    private static readonly (string Unit, double Milliseconds)[] Units =
        [("us", 0.001), ("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Reads settings in the order of their precedence: of two with the same name the later one counts.</summary>
    /// <param name="settings">
    /// Such as <c>all row_security=off,role row_security=on</c>; <c>role</c> precedes a setting of the role, <c>all</c> one of the
    /// database for every role.
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

                // A database that is read-only for everybody is no fault of the role: with nothing pending, that is a warning.
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

    /// <summary>PostgreSQL takes 0 and every beginning of false, no and off, but not o (<c>parse_bool</c>).</summary>
    private static bool IsOff(string value) => value.ToLowerInvariant() is "0" or ['f', ..] or ['n', ..] or ['o', 'f', ..];

    /// <summary>A number without a unit is milliseconds. Returns null for what this does not understand.</summary>
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
