namespace LogtoMigrateInit.PostgreSql;

/// <summary>Converts names and literals to SQL text.</summary>
internal static class SqlNames
{
    /// <summary>Quotes an identifier.</summary>
    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Returns a literal that is correct with and without <c>standard_conforming_strings</c>.</summary>
    public static string Literal(string text)
    {
        var quoted = text.Replace("'", "''", StringComparison.Ordinal);
        return quoted.Contains('\\', StringComparison.Ordinal)
            ? $"E'{quoted.Replace(@"\", @"\\", StringComparison.Ordinal)}'"
            : $"'{quoted}'";
    }

    /// <summary>
    /// Returns a <c>do</c> statement. Its dollar quotes do not occur in the body, so names and literals cannot end it early.
    /// </summary>
    public static string Do(string body)
    {
        var tag = "$$";
        for (var number = 1; body.Contains(tag, StringComparison.Ordinal); number++)
        {
            tag = $"$body{number}$";
        }

        return $"do {tag} {body} {tag}";
    }

    /// <summary>Separates a column from its table at the last point outside quotes.</summary>
    /// <param name="column">A name such as <c>users.name</c>.</param>
    public static (string Table, string Column) Part(string column) =>
        LastPoint(column) is >= 0 and var at ? (column[..at], column[(at + 1)..]) : ("", column);

    /// <summary>Adds a schema to a table's name, unless it has one.</summary>
    /// <param name="table">The name in SQL.</param>
    /// <param name="schema">The schema, unquoted.</param>
    public static string Qualify(string table, string schema) => LastPoint(table) >= 0 ? table : $"{SqlNames.Quote(schema)}.{table}";

    private static int LastPoint(string name)
    {
        var (at, quoted) = (-1, false);
        for (var index = 0; index < name.Length; index++)
        {
            quoted ^= name[index] == '"';
            at = name[index] == '.' && !quoted ? index : at;
        }

        return at;
    }

    /// <summary>Removes the quotes of a name that PostgreSQL has printed, if it has some.</summary>
    public static string Unquote(string name) => name.StartsWith('"') ? name[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : name;
}
