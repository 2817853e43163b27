using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>All that a deploy or a seed is decided by, read under the lock over one connection.</summary>
internal abstract record Survey
{
    /// <summary>Sessions of a killed run still work: what they commit changes the rest, so that was not read.</summary>
    public sealed record OrphansAtWork(IReadOnlyList<ServerSession> Orphans) : Survey;

    /// <summary>There are none, and this was read after that was known.</summary>
    public sealed record Clear(Inspection Inspection, Privileges Privileges) : Survey;

    /// <param name="connection">Outside of a transaction.</param>
    /// <param name="orphanNamePrefix">How the <c>application_name</c> of such a session begins.</param>
    /// <param name="cancellationToken">Ends the look.</param>
    public static async Task<Survey> ReadAsync(NpgsqlConnection connection, string orphanNamePrefix, CancellationToken cancellationToken)
    {
        var orphans = await SessionQueries.FindOrphansAsync(connection, orphanNamePrefix, cancellationToken);
        return orphans.Count > 0
            ? new OrphansAtWork(orphans)
            : new Clear(await InspectionQuery.ReadAsync(connection, cancellationToken), await PreflightQuery.ReadAsync(connection, cancellationToken));
    }
}
