using System.Text.RegularExpressions;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// Splits what <c>pg_restore --file=-</c> prints of an archive's definitions: plain statements, no data and no function bodies.
/// </summary>
internal static partial class SqlScript
{
    /// <summary>The statements, without comments, <c>psql</c>'s own lines, and the settings of a session.</summary>
    public static IReadOnlyList<string> Split(string script) =>
    [
        .. Statement().Matches(script)
            .Select(match => match.Groups["sql"].Value)
            .Where(sql => sql.Length > 0 && !Setting().IsMatch(sql)),
    ];

    // A backslash line and a comment stand at the beginning of a line, outside of any statement.
    [GeneratedRegex("""
        \G\s*(?:
          (?:--|\\)[^\n]*(?:\n|\z)
        | (?<sql>(?:'(?:''|[^'])*'|"(?:""|[^"])*"|[^;'"])+);)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Statement();

    [GeneratedRegex(@"^(?:SET|RESET)\s|^SELECT pg_catalog\.set_config", RegexOptions.CultureInvariant)]
    private static partial Regex Setting();
}
