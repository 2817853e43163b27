using System.Text.RegularExpressions;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The connection limit that refused a connection (SQLSTATE 53300).</summary>
/// <param name="Remedy">An imperative clause: how to raise the limit.</param>
internal sealed partial record ConnectionLimit(string Remedy)
{
    /// <summary>The most connections of a migration: one for the lock, one for the watch, and three for the CLI.</summary>
    private const int Needed = 5;

    /// <summary>Recognizes the limit in a message of the server, which the CLI prints too.</summary>
    /// <returns>Null when the message is not about a connection limit.</returns>
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

    // The messages of InitializeSessionUserId, CheckMyDatabase, InitProcess and InitPostgres in PostgreSQL's sources, perhaps after the
    // name of an error class.
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
