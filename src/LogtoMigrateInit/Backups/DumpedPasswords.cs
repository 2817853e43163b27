namespace LogtoMigrateInit.Backups;

/// <summary>The passwords of Logto's own roles in a dump, read from the rows of <c>tenants</c> before anything is restored.</summary>
internal static class DumpedPasswords
{
    // Other tenants do no harm to these; TenantLogins has the same rule.
    private static readonly string[] Needed = ["default", "admin"];

    /// <summary>Reads them from rows as <c>COPY</c> writes them. Values with an escape are left out: Logto's own have none.</summary>
    /// <param name="rows">See <see cref="PostgresTools.Archive.ReadRowsAsync"/>.</param>
    public static IReadOnlyList<(string Role, string Password)> Of(string rows)
    {
        var passwords = new List<(string, string)>();
        string[]? columns = null;
        foreach (var line in rows.Split('\n'))
        {
            if (line.StartsWith("COPY ", StringComparison.Ordinal) && line.Contains("tenants (", StringComparison.Ordinal))
            {
                columns = line[(line.IndexOf('(', StringComparison.Ordinal) + 1)..line.LastIndexOf(')')].Split(", ");
            }
            else if (line == @"\.")
            {
                columns = null;
            }
            else if (columns is not null && line.Split('\t') is var values && values.Length == columns.Length
                && Needed.Contains(Value(columns, values, "id"))
                && Value(columns, values, "db_user") is { } role
                && Value(columns, values, "db_user_password") is { } password)
            {
                passwords.Add((role, password));
            }
        }

        return passwords;
    }

    /// <returns>Null when there is no such column, or when the value is null or has an escape.</returns>
    private static string? Value(string[] columns, string[] values, string column) =>
        Array.IndexOf(columns, column) is >= 0 and var at && !values[at].Contains('\\', StringComparison.Ordinal) ? values[at] : null;
}
