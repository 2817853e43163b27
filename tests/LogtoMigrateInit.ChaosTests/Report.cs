using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>What a reader needs to understand a run, and to run it again.</summary>
internal static class Report
{
    /// <summary>One line a schedule.</summary>
    public static string Line(RunResult run) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(run.Violations.Count == 0 ? "ok       " : "VIOLATION")} seed {run.Schedule.Seed,-10} {run.Elapsed.TotalSeconds,5:0.0} s, PostgreSQL {run.Schedule.Major}, {run.Schedule.Faults.Count} faults, {run.Clis} CLIs, {run.Looks} looks, endings {string.Join(" | ", run.ExitCodes.Select(codes => string.Join(' ', codes)))}");

    /// <summary>What went wrong, what happened, and where the logs are.</summary>
    public static string Full(RunResult run) =>
        $"""
        {string.Join('\n', run.Violations.Select(each => $"VIOLATION: {each}"))}
        again: tests/chaos.sh --seed {run.Schedule.Seed}{(Lease.IsTold && Lease.Seconds == 6 ? "" : $" --lease {(Lease.IsTold ? Lease.Seconds : 0)}")}
        logs of the gates: {Save(run)}
        {run.Schedule}
        {string.Join('\n', run.Lines)}
        """;

    private static string Save(RunResult run)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Repository.Root, "artifacts", "chaos", $"seed-{run.Schedule.Seed}")).FullName;
        foreach (var old in Directory.EnumerateFiles(folder))
        {
            File.Delete(old);
        }

        foreach (var (replica, logs) in run.Logs.Index())
        {
            foreach (var (number, log) in logs.Index())
            {
                File.WriteAllText(Path.Combine(folder, $"replica-{replica}-run-{number}.log"), log);
            }
        }

        File.WriteAllText(Path.Combine(folder, "chronicle.txt"), $"{run.Schedule}\n{string.Join('\n', run.Lines)}\n");
        return folder;
    }
}
