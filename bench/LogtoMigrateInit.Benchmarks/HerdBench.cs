using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>Replicas that start at once with 22 alterations pending, on a server with a hundred connections.</summary>
/// <param name="Binary">Which build of the gate.</param>
/// <param name="Replicas">How many.</param>
/// <param name="FirstLooksMs">How long as many take when nothing is pending: the least that they can cost.</param>
/// <param name="DeployMs">From the start of the CLI to the end of the gate that ran it; null when not all had ended in time.</param>
/// <param name="LastAfterMs">From there to the end of the last replica.</param>
/// <param name="ConnectionsPerSecond">From the first start to the end of the deploy.</param>
/// <param name="ServerCpuMs">All of the server's, from the first start to the last end.</param>
internal sealed record HerdRow(
    string Binary, int Replicas, double FirstLooksMs, double? DeployMs, double? LastAfterMs, double? ConnectionsPerSecond, double ServerCpuMs);

/// <summary>Measures <see cref="HerdRow"/>s with Logto's own CLI.</summary>
internal static partial class HerdBench
{
    public const string ThisOne = "this one";

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(100);

    public static async Task<IReadOnlyList<HerdRow>> MeasureAsync(Field field)
    {
        await using var server = await PostgresServer.StartAsync(17, new Dictionary<string, string> { ["max_connections"] = "100" });
        await using var herd = await Herd.CreateAsync(server);
        var binaries = new List<(string Name, string Path)> { (ThisOne, Repository.Binary) };
        if (Field.Before is { } before)
        {
            binaries.Add(("before", before));
        }

        var rows = new List<HerdRow>();
        foreach (var replicas in field.Quick ? [1, 30] : new[] { 1, 3, 10, 30, 60 })
        {
            var rounds = new List<HerdRow>();
            for (var round = 0; round < field.Rounds(3); round++) // in turn: a machine that slows down slows both
            {
                foreach (var (name, path) in binaries)
                {
                    rounds.Add(await MeasureAsync(server, herd, name, path, replicas));
                }
            }

            rows.AddRange(rounds.GroupBy(row => row.Binary)
                .Select(each => each.OrderBy(row => row.DeployMs ?? double.MaxValue).ElementAt(each.Count() / 2)));
        }

        return rows;
    }

    private static async Task<HerdRow> MeasureAsync(PostgresServer server, Herd herd, string name, string binary, int replicas)
    {
        var (cpu, sessions) = (server.CpuTime(), await CountSessionsAsync(server, herd));
        var started = Stopwatch.GetTimestamp();
        var gates = Enumerable.Range(0, replicas).Select(_ => herd.Start(binary)).ToArray();
        double? deploy = null, lastAfter = null, rate = null;
        try
        {
            var ends = await Task.WhenAll(gates.Select(gate => EndAsync(gate, server, herd)));
            var holder = ends.Single(end => Deployed().IsMatch(end.Log));
            deploy = DeployMs(holder.Log);
            lastAfter = Math.Max(0, Stopwatch.GetElapsedTime(holder.At, ends.Max(end => end.At)).TotalMilliseconds);
            rate = (holder.Sessions - sessions) / Stopwatch.GetElapsedTime(started, holder.At).TotalSeconds;
        }
        catch (OperationCanceledException)
        {
            // Not ended in time: that is the result.
        }
        finally
        {
            await Task.WhenAll(gates.Select(gate => gate.DisposeAsync().AsTask()));
        }

        var serverCpu = (server.CpuTime() - cpu).TotalMilliseconds;
        await herd.RunAsync(); // complete also after a herd that was not
        var looks = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, replicas).Select(async _ =>
        {
            await using var gate = herd.Start(binary);
            await gate.WaitForExitAsync(Longest);
        }));
        var firstLooks = Stopwatch.GetElapsedTime(looks).TotalMilliseconds;
        await herd.RewindAsync();
        return new HerdRow(name, replicas, firstLooks, deploy, lastAfter, rate, serverCpu);
    }

    private static async Task<(long At, long Sessions, string Log)> EndAsync(Gate gate, PostgresServer server, Herd herd)
    {
        var result = await gate.WaitForExitAsync(Longest);
        var at = Stopwatch.GetTimestamp();
        return result.ExitCode != 0 ? throw new InvalidOperationException($"A replica did not pass: {result}")
            : (at, Deployed().IsMatch(result.StandardError) ? await CountSessionsAsync(server, herd) : 0, result.StandardError);
    }

    private static Task<long> CountSessionsAsync(PostgresServer server, Herd herd) =>
        server.QuerySingleAsync<long>("postgres", $"select coalesce(sum(sessions), 0)::bigint from pg_stat_database where datname = '{herd.Database}'");

    private static double DeployMs(string log)
    {
        var times = Time().Matches(log).Select(match => DateTimeOffset.Parse(match.Value, CultureInfo.InvariantCulture)).ToArray();
        var begin = log[..Planned().Match(log).Index].Count(character => character == '\n');
        return (times[^1] - times[begin]).TotalMilliseconds;
    }

    [GeneratedRegex(@"\d+ alterations of Logto \d")]
    private static partial Regex Planned(); // what is pending, in the words of every build

    [GeneratedRegex("22 alterations deployed")]
    private static partial Regex Deployed();

    [GeneratedRegex(@"^\S+(?= (?:INF|WRN|ERR) )", RegexOptions.Multiline)]
    private static partial Regex Time();
}
