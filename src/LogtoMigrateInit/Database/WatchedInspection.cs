using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Database;

/// <summary>
/// An inspection reads one table, Logto's <c>systems</c>, and waits in silence while somebody has locked it. Who does is named from another
/// connection, within seconds, and in the ending when the wait was too long.
/// </summary>
/// <param name="options">The gate's configuration.</param>
/// <param name="database">Where it reads.</param>
/// <param name="logger">Is told for whom it waits.</param>
internal sealed class WatchedInspection(GateOptions options, LogtoDatabase database, ILogger logger)
{
    /// <summary>A starved server needs seconds too, and must not get a second connection from each of a hundred replicas.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Looks at the database and waits for it where waiting may help.</summary>
    /// <exception cref="DatabaseException">It refused us, or did not answer within the connect time-out.</exception>
    public Task<Inspection> ReadAsync(CancellationToken cancellationToken) =>
        database.WithConnectionAsync((connection, token) => WatchAsync(InspectionQuery.ReadAsync(connection, token)), cancellationToken);

    /// <param name="reading">Has begun, and takes milliseconds unless it waits for a lock.</param>
    /// <exception cref="DatabaseException">It waited for too long.</exception>
    public async Task<T> WatchAsync<T>(Task<T> reading)
    {
        if (await Task.WhenAny(reading, Task.Delay(Patience)) == reading)
        {
            return await reading;
        }

        await using var watch = new SessionWatch(database, SessionNames.Gate, options.Timings.Lease, logger);
        do
        {
            await watch.ReportWaitsAsync();
        }
        while (await Task.WhenAny(reading, Task.Delay(SessionWatch.Interval)) != reading);

        try
        {
            return await reading;
        }
        catch (Exception failure) when (watch.WaitsFor is not null && DatabaseException.From(failure) is { Failure: DatabaseFailure.NotYet })
        {
            throw new DatabaseException(DatabaseFailure.NotYet, $"the database cannot be read, which waits for {watch.WaitsFor}", "end that session or transaction, or wait for it", failure);
        }
    }
}
