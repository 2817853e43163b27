using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>How long waiting lasts longer than what is waited for.</summary>
/// <param name="AfterServerMs">From "ready to accept connections" in the server's log to the end of the gate.</param>
/// <param name="LastOfReplicasMs">From the end of the migrating replica to that of the last waiting one.</param>
/// <param name="MedianOfReplicasMs">To that of the median one.</param>
/// <param name="Replicas">How many waited.</param>
/// <param name="SessionsPerSecond">How many connections they opened meanwhile.</param>
internal sealed record WaitingCost(Quartiles AfterServerMs, Quartiles LastOfReplicasMs, Quartiles MedianOfReplicasMs, int Replicas, Quartiles SessionsPerSecond);

/// <summary>Gates that must wait.</summary>
internal static partial class Waiting
{
    private const decimal Level = 1786431364;
    private const decimal EarlierLevel = 1779421396;

    private static readonly string[] Alterations =
        ["1.40.0-1779421396-first.js", "1.41.0-1782375106-second.js", "1.42.0-1784620000-third.js", "1.43.0-1786431364-fourth.js"];

    public static async Task<WaitingCost> MeasureAsync(Field field)
    {
        var afterServer = new List<double>();
        await using (var server = await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["log_timezone"] = "UTC" }))
        {
            await using var cli = await FakeCli.CreateAsync(Alterations);
            var database = await FakeCli.CreateDatabaseAsync(server, Level);
            for (var round = 0; round < field.Rounds(20); round++)
            {
                afterServer.Add(await WaitForServerAsync(server, cli.Variables(server.Url(database), "nothing"), TimeSpan.FromMilliseconds(137 * round)));
            }
        }

        var replicas = field.Quick ? 5 : 50;
        var rounds = new List<ReplicasRound>();
        for (var round = 0; round < field.Rounds(5); round++)
        {
            rounds.Add(await WaitForReplicaAsync(field, replicas));
        }

        return new WaitingCost(
            Quartiles.Of(afterServer), Quartiles.Of(rounds.Select(each => each.LastMs)), Quartiles.Of(rounds.Select(each => each.MedianMs)), replicas,
            Quartiles.Of(rounds.Select(each => each.SessionsPerSecond)));
    }

    /// <param name="server">Is stopped, and started again.</param>
    /// <param name="variables">Of the gate.</param>
    /// <param name="phase">How much later the server starts, so that it meets the gate's pauses at other places.</param>
    private static async Task<double> WaitForServerAsync(PostgresServer server, Dictionary<string, string?> variables, TimeSpan phase)
    {
        await server.StopAsync();
        await using var gate = Gate.Start([], variables);
        await gate.WaitForLineAsync("Waiting for the database");
        await Task.Delay(TimeSpan.FromSeconds(2) + phase); // the first pauses are shorter than the later ones
        var starting = server.StartAgainAsync();
        var result = await gate.WaitForExitAsync();
        var ended = DateTime.UtcNow;
        await starting;
        return result.ExitCode == 0
            ? (ended - await ReadyAsync(server)).TotalMilliseconds
            : throw new InvalidOperationException($"The gate did not pass: {result}");
    }

    private static async Task<DateTime> ReadyAsync(PostgresServer server)
    {
        var ready = ReadyLine().Matches(await File.ReadAllTextAsync(server.LogFile)).Last().Groups[1].Value;
        return DateTime.Parse(ready, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
    }

    private static async Task<ReplicasRound> WaitForReplicaAsync(Field field, int replicas)
    {
        await using var cli = await FakeCli.CreateAsync(Alterations);
        var database = await FakeCli.CreateDatabaseAsync(field.Server, EarlierLevel);
        var variables = cli.Variables(field.Server.Url(database), "hold");
        await using var holder = Gate.Start([], variables);
        await holder.WaitForLineAsync("1/3");
        var waiters = Enumerable.Range(0, replicas).Select(_ => Gate.Start([], variables)).ToArray();
        try
        {
            await Task.WhenAll(waiters.Select(waiter => waiter.WaitForLineAsync("Waiting for it")));
            await Task.Delay(TimeSpan.FromSeconds(2)); // the first pauses are shorter than the later ones
            var sessionsPerSecond = await CountSessionsAsync(field.Server, database, TimeSpan.FromSeconds(field.Quick ? 1 : 5));

            var ends = waiters.Select(EndAsync).ToArray();
            await cli.LetGoAsync();
            var holderEnd = await EndAsync(holder);
            var delays = (await Task.WhenAll(ends)).Select(end => Stopwatch.GetElapsedTime(holderEnd, end).TotalMilliseconds).ToArray();
            return new ReplicasRound(delays.Max(), Quartiles.Of(delays).Median, sessionsPerSecond);
        }
        finally
        {
            foreach (var waiter in waiters)
            {
                await waiter.DisposeAsync();
            }
        }
    }

    private static async Task<long> EndAsync(Gate gate)
    {
        var result = await gate.WaitForExitAsync();
        return result.ExitCode == 0 ? Stopwatch.GetTimestamp() : throw new InvalidOperationException($"The gate did not pass: {result}");
    }

    private static async Task<double> CountSessionsAsync(PostgresServer server, string database, TimeSpan time)
    {
        const string Opened = "select sessions from pg_stat_database where datname = '{0}'";
        var before = await server.QuerySingleAsync<long>("postgres", string.Format(CultureInfo.InvariantCulture, Opened, database));
        await Task.Delay(time);
        var after = await server.QuerySingleAsync<long>("postgres", string.Format(CultureInfo.InvariantCulture, Opened, database));
        return (after - before) / time.TotalSeconds;
    }

    [GeneratedRegex(@"^(\S+ \S+) UTC .*database system is ready to accept connections", RegexOptions.Multiline)]
    private static partial Regex ReadyLine();

    private sealed record ReplicasRound(double LastMs, double MedianMs, double SessionsPerSecond);
}
