using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>
/// Alterations added to Logto's own, so that the deploy is long enough to be disturbed: a statement that takes its time, JavaScript that
/// idles without one, JavaScript that computes, and an index that is built slowly. Each transaction leaves a row in a ledger, so one that
/// ran twice shows. What they do to the schema is always the same.
/// </summary>
internal static class Stretch
{
    /// <summary>How many of them are told how long to take.</summary>
    public const int Delays = 4;

    public const string Last = "1.43.0-1786431365-chaos-last.js";

    /// <summary>What must be there before the first of them.</summary>
    public const string Ledger = """
        create table chaos_ledger (alteration text not null);
        alter table chaos_ledger enable row level security;
        """;

    /// <summary>Where the state must be in the end.</summary>
    public static decimal Target { get; } = LogtoRelease.TimestampOf(Last);

    public static async Task AddToAsync(LogtoInstallation installation, IReadOnlyList<TimeSpan> delays, CancellationToken cancellationToken)
    {
        await WriteAsync(
            "1.41.0-1779864282-chaos-statement.js",
            "",
            "create function chaos_slow(value text) returns text language plpgsql immutable as $f$ begin perform pg_catalog.pg_sleep(0.001); return value; end $f$",
            $"select pg_sleep({Number(delays[0].TotalSeconds)})");
        await WriteAsync(
            "1.41.0-1780381220-chaos-idle.js",
            $"await new Promise((resolve) => setTimeout(resolve, {Number(delays[1].TotalMilliseconds)}));",
            "alter table logs add column chaos_idle integer");
        await WriteAsync(
            "1.42.0-1784619794-chaos-compute.js",
            $"for (const begin = performance.now(); performance.now() - begin < {Number(delays[2].TotalMilliseconds)};);",
            "alter table users add column chaos_compute integer not null default 7");
        await WriteAsync(
            "1.43.0-1785393732-chaos-index.js",
            "await pool.query(sql`create index concurrently chaos__users_slow on users (chaos_slow(id))`);");
        await WriteAsync(
            Last,
            "",
            "alter table applications add column chaos_last text",
            $"select pg_sleep({Number(delays[3].TotalSeconds)})");

        Task WriteAsync(string name, string beforeUp, params IEnumerable<string> up) => File.WriteAllTextAsync(
            Path.Combine(installation.AlterationsDirectory, name),
            $$"""
            import { sql } from '@silverhand/slonik';
            export default {
              beforeUp: async (pool) => { {{beforeUp}} },
              up: async (pool) => {
                {{string.Join("\n    ", up.Append($"insert into chaos_ledger values ('{name}')").Select(statement => $"await pool.query(sql`{statement}`);"))}}
              },
              down: async () => {},
            };
            """,
            cancellationToken);
    }

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
