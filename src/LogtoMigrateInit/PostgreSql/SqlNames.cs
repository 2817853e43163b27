namespace LogtoMigrateInit.PostgreSql;

/// <summary>Names and literals as SQL text.</summary>
internal static class SqlNames
{
    /// <summary>An identifier as SQL text.</summary>
    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>A text as an SQL literal, whatever <c>standard_conforming_strings</c> says.</summary>
    public static string Literal(string text)
    {
        var quoted = text.Replace("'", "''", StringComparison.Ordinal);
        return quoted.Contains('\\', StringComparison.Ordinal)
            ? $"E'{quoted.Replace(@"\", @"\\", StringComparison.Ordinal)}'"
            : $"'{quoted}'";
    }

    /// <summary>A <c>do</c> statement whose body cannot end early, whatever names and literals it holds.</summary>
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
    /// <param name="column">Such as <c>users.name</c>.</param>
    public static (string Table, string Column) Part(string column) =>
        LastPoint(column) is >= 0 and var at ? (column[..at], column[(at + 1)..]) : ("", column);

    /// <summary>A table's name with its schema.</summary>
    /// <param name="table">The table; without a schema it is in <paramref name="schema"/>.</param>
    /// <param name="schema">Not quoted.</param>
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

    /// <summary>The name that PostgreSQL has printed, with quotes only where it needs them.</summary>
    public static string Unquote(string name) => name.StartsWith('"') ? name[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : name;
}
