using System.Text.RegularExpressions;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The limit that refused a connection (SQLSTATE 53300).</summary>
/// <param name="Remedy">A clause about how to raise it.</param>
internal sealed partial record ConnectionLimit(string Remedy)
{
    /// <summary>The lock, the watch, and what the CLI opens at most in a deploy or a seed.</summary>
    private const int Needed = 5;

    /// <summary>Reads it from the server's message, which the CLI shows too.</summary>
    /// <returns>Null when the message is about no limit.</returns>
    public static ConnectionLimit? Find(string message)
    {
        var match = Words().Match(message);
        return match switch
        {
            { Success: false } => null,
            { Groups: var groups } when groups["role"] is { Success: true, Value: var role } => OfOne("role", role),
            { Groups: var groups } when groups["database"] is { Success: true, Value: var database } => OfOne("database", database),
            _ => new ConnectionLimit("end sessions that are not needed, or raise the server's max_connections"),
        };
    }

    private static ConnectionLimit OfOne(string kind, string name)
    {
        var statement = $"alter {kind} {SqlNames.Quote(name)} connection limit …";
        return new ConnectionLimit(
            $"its own connection limit is reached: end sessions that are not needed, or raise it with `{statement}`, " +
            $"for a migration takes up to {Needed} connections");
    }

    // InitializeSessionUserId, CheckMyDatabase, InitProcess and InitPostgres in PostgreSQL's sources; behind the words of an error's class.
    [GeneratedRegex(
        """
        ^(?:\w*Error:\ |error:\ )?
        (?:too\ many\ connections\ for\ role\ "(?<role>.*)"
        |too\ many\ connections\ for\ database\ "(?<database>.*)"
        |sorry,\ too\ many\ clients\ already
        |remaining\ connection\ slots\ are\ reserved\ )
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
