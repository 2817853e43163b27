namespace LogtoMigrateInit.Backups;

/// <summary>Finds the passwords of Logto's roles in the dumped rows of <c>tenants</c>, before anything is restored.</summary>
internal static class DumpedPasswords
{
    // Faults of other tenants do not disturb these two. TenantLogins has the same rule.
    private static readonly string[] Needed = ["default", "admin"];

    /// <summary>Reads rows in the format of <c>COPY</c>. It skips values with an escape, because Logto's passwords have none.</summary>
    /// <param name="rows">The result of <see cref="PostgresTools.Archive.ReadRowsAsync"/>.</param>
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

    /// <returns>Null when the column is missing, or when its value is null or has an escape.</returns>
    private static string? Value(string[] columns, string[] values, string column) =>
        Array.IndexOf(columns, column) is >= 0 and var at && !values[at].Contains('\\', StringComparison.Ordinal) ? values[at] : null;
}
