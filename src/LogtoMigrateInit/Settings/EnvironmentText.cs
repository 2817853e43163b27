namespace LogtoMigrateInit.Settings;

/// <summary>Reads variables as node-postgres does, and quotes values for messages.</summary>
internal static class EnvironmentText
{
    /// <returns>Null when the variable is unset or empty.</returns>
    public static string? Optional(this IReadOnlyDictionary<string, string> environment, string name) =>
        environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>Quotes a value for a message, and cuts it after 100 characters.</summary>
    public static string Shown(string value)
    {
        const int Longest = 100;
        return value.Length > Longest ? $"'{value[..Longest]}…'" : $"'{value}'";
    }
}
