namespace LogtoMigrateInit.Settings;

/// <summary>Variables as node-postgres and we read them, and how a value is shown in a sentence.</summary>
internal static class EnvironmentText
{
    /// <returns>Null when it is unset or empty.</returns>
    public static string? Optional(this IReadOnlyDictionary<string, string> environment, string name) =>
        environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>A value for a sentence, not without end.</summary>
    public static string Shown(string value)
    {
        const int Longest = 100;
        return value.Length > Longest ? $"'{value[..Longest]}…'" : $"'{value}'";
    }
}
