using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>Counts of the rows that were added since a backup, and that its restore would lose.</summary>
/// <param name="Users">The number of users who registered since.</param>
/// <param name="SignIns">The number of users who signed in since.</param>
/// <param name="Latest">
/// The time of the latest row of Logto's <c>logs</c>, in UTC, as text of the server. Reason: .NET has only the years 1 to 9999. Null: no
/// row.
/// </param>
internal sealed record NewerRows(long Users, long SignIns, string? Latest)
{
    private const string Query = """
        select
          (select count(*) from users where created_at > $1 and created_at < 'infinity'),
          (select count(*) from users where last_sign_in_at > $1 and last_sign_in_at < 'infinity'),
          (select date_trunc('second', max(created_at) at time zone 'UTC')::text from logs)
        """;

    /// <returns>Null when Logto's tables are missing or cannot be read.</returns>
    public static async Task<NewerRows?> ReadAsync(NpgsqlConnection connection, DateTime moment, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = new NpgsqlCommand(Query, connection) { Parameters = { new() { Value = moment } } };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var latest = await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2);
            return new NewerRows(reader.GetInt64(0), reader.GetInt64(1), latest);
        }
        catch (PostgresException other) when (other.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            return null;
        }
    }
}
