using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Inspects the database, and watches the inspection over a second connection. Reason: an inspection reads Logto's tables and waits
/// silently while another session has locked one. The watch logs that session within seconds. If the wait times out, the error names it.
/// </summary>
internal sealed class WatchedInspection(ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, ILogger logger)
{
    /// <summary>
    /// The time before the second connection. Reason: an overloaded server needs seconds too, and must not get a second connection from
    /// each of a hundred replicas.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The last alteration whose indexes were checked. <c>check --wait</c> inspects many times, and each warning must be logged once.
    /// </summary>
    private Alteration? _searched;

    /// <summary>Whether the pooler has accepted the parameters that Logto's driver sends at login.</summary>
    private bool _poolerTakesDriver;

    /// <summary>The names of Logto's tables.</summary>
    public IReadOnlyList<string> Tables => catalog.Requirements.Tables;

    /// <summary>Inspects the database, and retries after failures that may be temporary.</summary>
    /// <exception cref="DatabaseException">The database refused the program, or did not answer within the connect time-out.</exception>
    public Task<Inspection> ReadAsync(CancellationToken cancellationToken) =>
        database.WithConnectionAsync(
            (connection, token) => WatchAsync(InspectionQuery.ReadAsync(connection, Tables, token)), cancellationToken);

    /// <summary>Inspects the database, returns the verdict, and warns of indexes that an interrupted rollback has dropped.</summary>
    public async Task<(
        Inspection Inspection, Verdict Verdict)> DecideAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var inspection = await WatchAsync(InspectionQuery.ReadAsync(connection, Tables, cancellationToken));
        if (inspection.BehindPooler && !_poolerTakesDriver)
        {
            inspection = inspection with
            {
                DriverRefusal = await DriverLogin.WhyRefusedAsync(database.Target, settings.LogtosStatementTimeout, cancellationToken),
            };
            _poolerTakesDriver = inspection.DriverRefusal is null; // one successful login is enough
        }

        var verdict = MigrationPlan.Decide(catalog, inspection);
        if (verdict is Verdict.Matching or Verdict.Pending)
        {
            await WarnOfMissingIndexesAsync(connection, inspection.State!, cancellationToken);
        }

        return (inspection, verdict);
    }

    /// <summary>Waits for a query, and reports the session that blocks it.</summary>
    /// <param name="reading">A query that has begun. It takes milliseconds unless it waits for a lock.</param>
    /// <exception cref="DatabaseException">The query failed after it had waited for another session.</exception>
    public async Task<T> WatchAsync<T>(Task<T> reading)
    {
        if (await Task.WhenAny(reading, Task.Delay(Patience)) == reading)
        {
            return await reading;
        }

        await using var watch = new SessionWatch(database, SessionNames.Own, settings.Timings.Lease, logger);
        do
        {
            await watch.ReportWaitsAsync();
        }
        while (await Task.WhenAny(reading, Task.Delay(SessionWatch.Interval)) != reading);

        try
        {
            return await reading;
        }
        catch (Exception failure)
            when (watch.LastWait is not null && DatabaseException.From(failure) is { Failure: DatabaseFailure.NotYet })
        {
            throw new DatabaseException(
                DatabaseFailure.NotYet, $"the database could not be read; the last look saw it wait for {watch.LastWait}",
                "end that session or transaction, or wait for it", failure);
        }
    }

    /// <summary>Logs warnings: faults that do not stop Logto from starting.</summary>
    public void Warn(Inspection inspection)
    {
        foreach (var index in inspection.InvalidIndexes)
        {
            logger.InvalidIndex(index);
        }

        if (inspection.InRecovery || inspection.ReadOnly)
        {
            logger.ServerIsReadOnly(inspection.InRecovery ? "in recovery" : "read-only");
        }

        foreach (var warning in inspection.Start is { } start ? StartConditions.FindWarnings(catalog.Requirements, start) : [])
        {
            logger.StartWarning(warning);
        }
    }

    private async Task WarnOfMissingIndexesAsync(NpgsqlConnection connection, AlterationState state, CancellationToken cancellationToken)
    {
        if (catalog.LastAt(state) is { } last && last != _searched && catalog.IndexesOf(last) is [_, ..] indexes)
        {
            _searched = last;
            var present = await ConcurrentIndexQuery.FindAsync(connection, indexes, cancellationToken);
            string[] missing =
            [
                .. indexes.Where(index => present.All(each => each.Index != index)).Select(index => $"{index.Name} on {index.Table}"),
            ];
            if (missing.Length > 0)
            {
                logger.MissingIndexes(last.FileName, string.Join(", ", missing));
            }
        }
    }
}
