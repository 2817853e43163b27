using LogtoMigrateInit.Inspections;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The facts for the decision about a deploy or a seed, read under the lock over one connection. The cases: <see cref="OthersAtWork"/>,
/// <see cref="OthersEnded"/>, <see cref="Clear"/>.
/// </summary>
internal abstract record Survey
{
    private Survey()
    {
    }

    /// <summary>Sessions of another run's CLI are still active. The inspection was not read, because they may change it.</summary>
    public sealed record OthersAtWork(IReadOnlyList<ServerSession> Sessions) : Survey;

    /// <summary>Sessions of another run's CLI were just terminated. The next survey shows whether they are gone.</summary>
    public sealed record OthersEnded(IReadOnlyList<ServerSession> Sessions) : Survey;

    /// <summary>No other run's CLI has a session, and the inspection was read after that was known.</summary>
    public sealed record Clear(Inspection Inspection, Privileges Privileges) : Survey;

    /// <param name="connection">A connection outside a transaction.</param>
    /// <param name="ownName">The <c>application_name</c> of this run's CLI.</param>
    /// <param name="lockPid">The server process of the session that holds the lock.</param>
    public static async Task<Survey> ReadAsync(
        NpgsqlConnection connection, string ownName, int lockPid, IReadOnlyList<string> tables, CancellationToken cancellationToken) =>
        await SessionQueries.FenceAsync(connection, ownName, lockPid, cancellationToken) switch
        {
            { AtWork: { Count: > 0 } sessions } => new OthersAtWork(sessions),
            { Ended: { Count: > 0 } sessions } => new OthersEnded(sessions),
            _ => new Clear(
                await InspectionQuery.ReadAsync(connection, tables, cancellationToken),
                await PreflightQuery.ReadAsync(connection, cancellationToken)),
        };
}
