namespace LogtoMigrateInit.Settings;

/// <summary>Reads variables as node-postgres and this program do, and shows a value in a sentence.</summary>
internal static class EnvironmentText
{
    /// <returns>Null when it is unset or empty.</returns>
    public static string? Optional(this IReadOnlyDictionary<string, string> environment, string name) =>
        environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>Quotes a value for a sentence, and cuts a long one.</summary>
    public static string Shown(string value)
    {
        const int Longest = 100;
        return value.Length > Longest ? $"'{value[..Longest]}…'" : $"'{value}'";
    }
}
