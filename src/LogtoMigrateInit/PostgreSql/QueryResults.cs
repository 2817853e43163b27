using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>Reads texts from the results of queries.</summary>
internal static class QueryResults
{
    /// <summary>Reads a result of one text column to its end.</summary>
    public static async Task<IReadOnlyList<string>> ReadNamesAsync(this NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    /// <summary>Reads a text column of the current row.</summary>
    /// <returns>Null for SQL's null.</returns>
    public static async Task<string?> ReadTextAsync(this NpgsqlDataReader reader, int column, CancellationToken cancellationToken) =>
        await reader.IsDBNullAsync(column, cancellationToken) ? null : reader.GetString(column);
}
