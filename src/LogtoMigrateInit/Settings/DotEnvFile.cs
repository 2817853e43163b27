using System.Text.RegularExpressions;
using LogtoMigrateInit.Platform;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// The <c>.env</c> file that Logto reads: the nearest one from core's folder upwards (<c>findUp</c> in <c>packages/core/src/index.ts</c>).
/// Logto takes the variables from it that its environment does not have.
/// </summary>
/// <param name="Name">The path of the file.</param>
/// <param name="DatabaseUrl">Its <c>DB_URL</c>. Holds the password: never show it.</param>
internal sealed partial record DotEnvFile(string Name, string DatabaseUrl)
{
    private const int Longest = 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <returns>Null when the nearest file is missing, cannot be read, or does not set <c>DB_URL</c>.</returns>
    public static DotEnvFile? Find(string logtoDirectory)
    {
        var core = Path.Combine(logtoDirectory, "packages", "core");
        for (var folder = Directory.Exists(core) ? core : logtoDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var file = Path.Combine(folder, ".env");
            if (File.Exists(file))
            {
                return Read(file) is { } url ? new DotEnvFile(file, url) : null;
            }
        }

        return null;
    }

    private static string? Read(string file)
    {
        try
        {
            var text = PlainFile.ReadText(file, Longest, Patience).Replace("\r\n", "\n", StringComparison.Ordinal);
            var value = Assignment().Matches(text).LastOrDefault()?.Groups[1].Value.Trim();
            return value is [var quote and ('"' or '\'' or '`'), .., var end] && quote == end ? value[1..^1] : value;
        }
        catch (IOException)
        {
            return null; // Logto cannot read it either
        }
    }

    // The pattern of npm's dotenv (lib/main.js), reduced to one name.
    [GeneratedRegex(
        """^\s*(?:export\s+)?DB_URL(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\n]+)?\s*(?:#.*)?$""",
        RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Assignment();
}
