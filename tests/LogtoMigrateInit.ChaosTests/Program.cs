using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using LogtoMigrateInit.ChaosTests;
using Xunit.Runner.InProc.SystemConsole;

// Without `--schedules` it is a test suite as any other. With it: --schedules N --seed FIRST [--parallel N], called by tests/chaos.sh.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (!args.Contains("--schedules"))
{
    return await ConsoleRunner.Run(args);
}

var seeds = new ConcurrentQueue<int>(Enumerable.Range(Number("--seed", 1), Number("--schedules", 1)));
var bad = new ConcurrentQueue<int>();
var endings = new ConcurrentBag<int>();
var started = Stopwatch.GetTimestamp();
var total = seeds.Count;
using var stop = new CancellationTokenSource();
// Whatever is frozen by then is continued or killed on the way out.
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
await Task.WhenAll(Enumerable.Range(0, Number("--parallel", 1)).Select(_ => WorkAsync()));
Console.WriteLine($"{total - seeds.Count} schedules in {Stopwatch.GetElapsedTime(started):hh\\:mm\\:ss}, {bad.Count} with violations{(bad.IsEmpty ? "" : $": seeds {string.Join(", ", bad.Order())}")}");
Console.WriteLine($"endings: {string.Join(", ", endings.CountBy(code => code).OrderBy(each => each.Key).Select(each => $"{each.Value} × {each.Key}"))}");
return bad.IsEmpty && !stop.IsCancellationRequested ? 0 : 1;

async Task WorkAsync()
{
    // Schedules at once have servers of their own, because each restarts its server.
    await using var stages = new Stages();
    while (!stop.IsCancellationRequested && seeds.TryDequeue(out var seed))
    {
        var schedule = Schedule.From(seed, Lease.Seconds);
        try
        {
            var run = await Run.OfAsync(await stages.GetAsync(schedule.Major), schedule, stop.Token);
            run.ExitCodes.SelectMany(codes => codes).ToList().ForEach(endings.Add);
            Console.WriteLine(Report.Line(run));
            if (run.Violations.Count > 0)
            {
                bad.Enqueue(seed);
            }

            if (run.Violations.Count > 0 || total == 1)
            {
                Console.WriteLine(Report.Full(run));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

int Number(string option, int otherwise) =>
    Array.IndexOf(args, option) is var index and >= 0 ? int.Parse(args[index + 1], CultureInfo.InvariantCulture) : otherwise;
