using System.Text.RegularExpressions;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// Splits the output of <c>pg_restore --file=-</c> for definitions. It expects plain statements, without rows and function bodies.
/// </summary>
internal static partial class SqlScript
{
    /// <summary>Returns the statements, without comments, commands of <c>psql</c>, and session settings.</summary>
    public static IReadOnlyList<string> Split(string script) =>
    [
        .. Statement().Matches(script)
            .Select(match => match.Groups["sql"].Value)
            .Where(sql => sql.Length > 0 && !Setting().IsMatch(sql)),
    ];

    // Comments and backslash commands begin a line and are outside statements.
    [GeneratedRegex("""
        \G\s*(?:
          (?:--|\\)[^\n]*(?:\n|\z)
        | (?<sql>(?:'(?:''|[^'])*'|"(?:""|[^"])*"|[^;'"])+);)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Statement();

    [GeneratedRegex(@"^(?:SET|RESET)\s|^SELECT pg_catalog\.set_config", RegexOptions.CultureInvariant)]
    private static partial Regex Setting();
}
