using System.Diagnostics;
using System.Text.Json;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>A command line in an environment that holds nothing else.</summary>
internal sealed record Invocation(string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string?> Variables, string? WorkingDirectory = null)
{
    /// <summary>Also measures the memory of it and of its children apart.</summary>
    public bool MemoryApart { get; init; }

    /// <summary>Also measures the processor time of this one, which is idle otherwise.</summary>
    public PostgresServer? Server { get; init; }
}

/// <summary>What one run took.</summary>
/// <param name="WallMs">From its start to its end, in milliseconds.</param>
/// <param name="CpuMs">User and system time, with that of its children.</param>
/// <param name="PeakKb">The largest resident set of it and its children, in kilobytes.</param>
/// <param name="ExitCode">128 and the signal's number when it was killed.</param>
/// <param name="OwnPeakKb">The largest resident set of the program alone; zero unless memory is measured apart, as the next two.</param>
/// <param name="ChildPeakKb">Of its largest child.</param>
/// <param name="TogetherPeakKb">Of all of them at one moment; what they share counts more than once.</param>
internal sealed record Run(double WallMs, double CpuMs, long PeakKb, int ExitCode, long OwnPeakKb, long ChildPeakKb, long TogetherPeakKb)
{
    /// <summary>User and system time of the server; zero unless that is measured too.</summary>
    public double ServerCpuMs { get; init; }
}

/// <summary>What many runs took.</summary>
internal sealed record Cost(Quartiles WallMs, Quartiles CpuMs, Quartiles PeakMb)
{
    public static Cost Of(IReadOnlyCollection<Run> runs) => new(
        Quartiles.Of(runs.Select(run => run.WallMs)), Quartiles.Of(runs.Select(run => run.CpuMs)), Quartiles.Of(runs.Select(run => run.PeakKb / 1000.0)));
}

/// <summary>One of those that are compared.</summary>
/// <param name="Name">As the table shows it.</param>
/// <param name="PrepareAsync">Makes one run possible, outside of what is measured.</param>
internal sealed record Rival(string Name, Func<Task<Invocation>> PrepareAsync)
{
    public Rival(string name, Invocation always)
        : this(name, () => Task.FromResult(always))
    {
    }

    private static readonly TimeSpan EndOfSession = TimeSpan.FromMilliseconds(100);

    /// <summary>What each costs.</summary>
    public static async Task<Dictionary<string, Cost>> CompareAsync(IReadOnlyList<Rival> rivals, int rounds) =>
        (await RunByTurnsAsync(rivals, rounds)).ToDictionary(pair => pair.Key, pair => Cost.Of(pair.Value));

    /// <summary>Runs all of them by turns, so that what else the machine does hits all alike; the first of several rounds only warms up.</summary>
    public static async Task<Dictionary<string, List<Run>>> RunByTurnsAsync(IReadOnlyList<Rival> rivals, int rounds)
    {
        var runs = rivals.ToDictionary(rival => rival.Name, _ => new List<Run>());
        for (var round = rounds > 1 ? 0 : 1; round <= rounds; round++)
        {
            for (var turn = 0; turn < rivals.Count; turn++)
            {
                var rival = rivals[(turn + round) % rivals.Count];
                var run = await RunAsync(await rival.PrepareAsync());
                if (round > 0)
                {
                    runs[rival.Name].Add(run);
                }
            }
        }

        return runs;
    }

    /// <summary>Runs it once, and throws with what it printed unless it succeeds.</summary>
    public static async Task<Run> RunAsync(Invocation invocation)
    {
        var log = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo(Path.Combine(Repository.Root, "artifacts", "bench", "measure"),
                [.. invocation.MemoryApart ? (IEnumerable<string>)["--apart"] : [], log, invocation.Program, .. invocation.Arguments])
            {
                RedirectStandardOutput = true,
                WorkingDirectory = invocation.WorkingDirectory ?? "",
            };
            start.Environment.Clear();
            start.Environment["PATH"] = $"{Path.GetDirectoryName(Repository.Node)}:{Environment.GetEnvironmentVariable("PATH")}";
            start.Environment["HOME"] = Environment.GetEnvironmentVariable("HOME");
            foreach (var (name, value) in invocation.Variables)
            {
                start.Environment[name] = value;
            }

            var serverCpu = invocation.Server?.CpuTime();
            using var process = Process.Start(start)!;
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (serverCpu is not null)
            {
                await Task.Delay(EndOfSession); // before that its time is not the server's
                serverCpu = invocation.Server!.CpuTime() - serverCpu;
            }

            return process.ExitCode == 0 && JsonSerializer.Deserialize<Run>(output, JsonSerializerOptions.Web) is { ExitCode: 0 } run
                ? run with { ServerCpuMs = serverCpu?.TotalMilliseconds ?? 0 }
                : throw new InvalidOperationException($"{invocation.Program} {string.Join(' ', invocation.Arguments)} failed: {output}\n{await File.ReadAllTextAsync(log)}");
        }
        finally
        {
            File.Delete(log);
        }
    }
}
