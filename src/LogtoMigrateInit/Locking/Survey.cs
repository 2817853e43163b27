using LogtoMigrateInit.Inspections;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// All that a deploy or a seed is decided by, read under the lock over one connection. The cases: <see cref="OthersAtWork"/>,
/// <see cref="OthersEnded"/>, <see cref="Clear"/>.
/// </summary>
internal abstract record Survey
{
    private Survey()
    {
    }

    /// <summary>Sessions of another run's CLI still work: what they commit changes the rest, so that was not read.</summary>
    public sealed record OthersAtWork(IReadOnlyList<ServerSession> Sessions) : Survey;

    /// <summary>Sessions of another run's CLI were ended just now; whether they are gone shows the next survey.</summary>
    public sealed record OthersEnded(IReadOnlyList<ServerSession> Sessions) : Survey;

    /// <summary>There are none, and this was read after that was known.</summary>
    public sealed record Clear(Inspection Inspection, Privileges Privileges) : Survey;

    /// <param name="connection">Outside of a transaction.</param>
    /// <param name="ownName">The <c>application_name</c> of this run's CLI.</param>
    /// <param name="lockPid">The server process of the session that holds the lock.</param>
    /// <param name="tables">The names of Logto's tables.</param>
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
