using System.Diagnostics;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rollback;

/// <summary>Checks the real database before and after a rollback: the other sessions before, the state and the schema after.</summary>
internal sealed class RollbackChecks(LogtoDatabase database, WatchedInspection watched, ILogger logger)
{
    private static readonly TimeSpan SessionInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Returns the refusal if other sessions are connected; null if there are none.</summary>
    /// <remarks>It waits two seconds for sessions that are about to end, such as this run's last one.</remarks>
    public async Task<Outcome?> WhyInUseAsync(LockedRun run)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var sessions = await database.WithConnectionAsync(
                (connection, token) => ClusterQueries.FindSessionsAsync(
                    connection, database.Target.Database, [run.Lock.Pid, connection.ProcessID], token),
                run.WhileLocked);
            if (sessions.Count == 0)
            {
                return null;
            }

            if (Stopwatch.GetElapsedTime(started) > Timings.CleanUpStep)
            {
                return new Outcome.RollbackRefused(Describe(sessions));
            }

            await Task.Delay(SessionInterval, run.WhileLocked);
        }
    }

    /// <returns>Null when the database has no readable state.</returns>
    public async Task<AlterationState?> ReadStateAsync(CancellationToken whileLocked) => (await watched.ReadAsync(whileLocked)).State;

    /// <summary>
    /// Compares the schema with the one after the rehearsal. Reason: the CLI's exit code does not prove that the rollback succeeded.
    /// </summary>
    /// <param name="state">The state after the rollback.</param>
    /// <param name="report">The report of the rehearsal.</param>
    /// <param name="count">The number of reverted alterations.</param>
    public async Task<Outcome> VerifyAsync(AlterationState state, RehearsalReport report, int count, CancellationToken whileLocked)
    {
        var (serverVersion, found) = await database.WithConnectionAsync(
            async (connection, token) =>
            {
                var inspection = await watched.WatchAsync(InspectionQuery.ReadAsync(connection, [], token));
                var objects = await SchemaObjects.ReadAsync(connection, inspection.Schema!, token);
                return (inspection.ServerVersion, objects);
            },
            whileLocked);

        if (serverVersion / 10000 != report.ServerVersion / 10000)
        {
            logger.RolledBackUncompared(ScratchPlace.OtherMajor(report.ServerVersion, serverVersion));
            return new Outcome.RolledBack(report.Version, state, count, report.Unchanging);
        }

        // A copy does not have the owners of the real database, nor the rights of other roles.
        var different = SchemaDrift.Compare(report.After, found).Differences
            .Where(difference => difference.What != Difference.Added && difference.Kind is not ("owner" or "grant"))
            .ToArray();
        return different is [var first, ..]
            ? new Outcome.RollbackFailed(
                report.Version, count, count, null,
                $"the state is {state}, and the schema is not what it was on the copy: {DriftText.Short(first)}" +
                $"{(different.Length > 1 ? $", and {different.Length - 1} more" : "")}")
            : new Outcome.RolledBack(report.Version, state, count, report.Unchanging);
    }

    /// <summary>Returns a clause and advice for the final message.</summary>
    internal static string Describe(IReadOnlyList<ServerSession> sessions)
    {
        const int Few = 3;
        var some = $"{string.Join("; ", sessions.Take(Few))}{(sessions.Count > Few ? "; …" : "")}";
        var hidden = sessions.Any(session => session.Query == "<hidden>")
            ? " With pg_read_all_stats the program could tell workers of extensions from other sessions"
            : "";
        return $"{Counted.Are(sessions.Count, "other session")} connected ({some}), and a running Logto would not know the older schema. " +
            $"Next: stop these, with Logto and what restarts it, then run the rollback again.{hidden}";
    }
}
