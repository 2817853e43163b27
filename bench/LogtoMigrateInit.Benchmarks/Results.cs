using System.Globalization;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>What was to be reached, and whether it was.</summary>
internal sealed record Target(string Name, string Wanted, string Measured, bool Met);

/// <summary>The machine and the commit, so that the figures can be judged; results of before have no commit.</summary>
internal sealed record Machine(string Date, int Cores, string Processor, string Kernel, string PostgreSql, string Node, string? Commit = null);

/// <summary>All of one run.</summary>
internal sealed record Results(
    Machine Machine, bool Quick, IReadOnlyList<NothingPendingRow> NothingPending, IReadOnlyList<PendingRow> Pending, IReadOnlyList<CliStep> CliSteps, WaitingCost Waiting,
    IReadOnlyList<ScaleRow> Alterations, IReadOnlyList<ScaleRow> Tables, IReadOnlyList<ScaleRow> Latency, IReadOnlyList<ReplicasRow> Replicas, IReadOnlyList<HerdRow> Herd,
    BackupCost? Backup, SizeMap Size)
{
    private const double MiB = 1024 * 1024;

    /// <summary>Measured by itself, because it needs a large database; null when it never was.</summary>
    public RehearsalCost? Rehearsal { get; init; }

    public IReadOnlyList<Target> Targets => [.. NothingPendingTargets(), .. Pending.SelectMany(PendingTargets), .. OtherTargets()];

    public NothingPendingRow Row(string name) => NothingPending.Single(row => row.Name == name);

    private IEnumerable<Target> NothingPendingTargets()
    {
        var (gate, psql, cli) = (Row(Benchmarks.NothingPending.Gate), Row(Benchmarks.NothingPending.Psql), Row(Benchmarks.NothingPending.Cli));
        yield return AtMost("nothing pending: wall time", gate.Cost.WallMs.Median / psql.Cost.WallMs.Median, 1.5, "0.00", " × psql");
        yield return AtLeast("nothing pending: wall time", cli.Cost.WallMs.Median / gate.Cost.WallMs.Median, 30, "of the CLI's");
        yield return AtLeast("nothing pending: CPU time", cli.Cost.CpuMs.Median / gate.Cost.CpuMs.Median, 40, "of the CLI's");
        yield return AtLeast("nothing pending: memory", cli.Cost.PeakMb.Median / gate.Cost.PeakMb.Median, 8, "of the CLI's");
        yield return AtMost("nothing pending: round trips after authentication", gate.Traffic!.AfterAuthentication ?? int.MaxValue, 2, "0", "");
        yield return AtMost("nothing pending: peak memory", gate.Cost.PeakMb.Median, 20, "0.0", " MB");
        yield return AtMost("nothing pending through TLS: peak memory", Row(Benchmarks.NothingPending.GateTls).Cost.PeakMb.Median, 20, "0.0", " MB");
        var far = Latency[^1];
        yield return AtMost($"at {far.Size} ms of latency: longer than psql", far.Gate.WallMs.Median - far.Floor.WallMs.Median, 2 * far.Size, "0", " ms");
    }

    private static IEnumerable<Target> PendingTargets(PendingRow row)
    {
        var allowed = Math.Max(100, row.Cli.WallMs.Median * 0.03);
        yield return AtMost($"{row.Alterations} pending: longer than the CLI alone", row.AddedMs, allowed, "0", " ms");
        yield return AtMost($"{row.Alterations} pending: beside `npm run`", row.Gate.WallMs.Median / row.NpmRun.WallMs.Median, 1, "0.00", " ×");
    }

    private IEnumerable<Target> OtherTargets()
    {
        yield return AtMost("waiting for the server: median", Waiting.AfterServerMs.Median, 500, "0", " ms");
        yield return AtMost($"{Waiting.Replicas} replicas that wait: connections a second", Waiting.SessionsPerSecond.Median, 30, "0", "");
        foreach (var target in Herd.Where(row => row.Binary == HerdBench.ThisOne && row.Replicas > 1).SelectMany(HerdTargets))
        {
            yield return target;
        }

        foreach (var target in (Backup?.Releases ?? []).SelectMany(BackupTargets)) // there was none before
        {
            yield return target;
        }

        if (Rehearsal?.OfSchema is { } schema)
        {
            yield return AtMost($"{schema.Alterations} pending: a rehearsal of the schema adds", schema.AddedMs, Math.Round(schema.Cli.WallMs.Median + 3000), "#,##0", " ms");
        }

        yield return AtMost("binary", Size.Binary / MiB, SizeMap.Limit("Binary"), "0.00", " MiB");
        yield return AtMost("binary, compressed", Size.Compressed / MiB, SizeMap.Limit("CompressedBinary"), "0.00", " MiB");
        yield return AtMost($"{Alterations[^1].Size:N0} alterations instead of {Alterations[0].Size}", Growth(Alterations, row => row.Gate), 20, "0.0", " ms");
        yield return AtMost($"{Tables[^1].Size:N0} tables instead of {Tables[0].Size}: more than psql with the same query", Growth(Tables, row => row.Gate) - Growth(Tables, row => row.Floor), 2, "0.0", " ms");
        yield return AtMost($"{Replicas[^1].Replicas} replicas at once instead of {Replicas[1].Replicas}: growth of what each takes", GrowthOfEach(row => row.LastMs) / GrowthOfEach(row => row.FloorMs), 1.1, "0.00", " × psql's");
    }

    private static IEnumerable<Target> BackupTargets(BackupRelease release)
    {
        var (largest, tools) = (release.Largest, $"`pg_dump` {release.Tools.Split('.')[0]}");
        yield return AtMost($"a backup of {largest.Megabytes:N0} MB with {tools}: wall time", largest.Plain.GateRatio.Median, 1.05, "0.00", " × plain pg_dump");
        yield return AtMost($"a backup of {largest.Megabytes:N0} MB with {tools}: memory", release.MemoryGrowth, 1.05, "0.00", $" × that of {release.Smaller.Megabytes:N0} MB");
    }

    private IEnumerable<Target> HerdTargets(HerdRow row)
    {
        var alone = Herd.Single(each => each.Binary == row.Binary && each.Replicas == 1).DeployMs!.Value;
        var allowed = row.Replicas <= 10 ? 1.5 * alone : (2 * alone) + row.FirstLooksMs;
        yield return AtMost($"{row.Replicas} replicas at once: the deploy", row.DeployMs ?? double.PositiveInfinity, Math.Round(allowed), "#,##0", " ms");
        if (row.Replicas <= 30) // all keep their connections
        {
            yield return AtMost($"{row.Replicas} replicas at once: the last one after it", row.LastAfterMs ?? double.PositiveInfinity, 1500, "#,##0", " ms");
        }
    }

    private static double Growth(IReadOnlyList<ScaleRow> rows, Func<ScaleRow, Cost> cost) => cost(rows[^1]).WallMs.Median - cost(rows[0]).WallMs.Median;

    /// <summary>Of many at once, beside ten: one alone leaves a core idle.</summary>
    private double GrowthOfEach(Func<ReplicasRow, Quartiles> time) =>
        time(Replicas[^1]).Median / Replicas[^1].Replicas / (time(Replicas[1]).Median / Replicas[1].Replicas);

    private static Target AtMost(string name, double measured, double wanted, string format, string unit) =>
        new(name, $"≤ {wanted.ToString("0.##", CultureInfo.InvariantCulture)}{unit}", $"{measured.ToString(format, CultureInfo.InvariantCulture)}{unit}", measured <= wanted);

    private static Target AtLeast(string name, double measured, double wanted, string unit) =>
        new(name, $"≤ 1/{wanted:0} {unit}", $"1/{measured.ToString("0.0", CultureInfo.InvariantCulture)} {unit}", measured >= wanted);
}
