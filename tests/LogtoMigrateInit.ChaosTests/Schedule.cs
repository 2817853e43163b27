using System.Diagnostics.CodeAnalysis;
using System.Text;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>One replica of a schedule.</summary>
/// <param name="Folder">Which installation it uses; two with the same number share one.</param>
/// <param name="StartsAt">When it is started first.</param>
/// <param name="Clock">What its machine's clock does.</param>
internal sealed record ReplicaPlan(int Folder, TimeSpan StartsAt, ClockKind Clock);

/// <param name="At">Seconds after the beginning.</param>
/// <param name="Fault">What happens then.</param>
internal sealed record TimedFault(TimeSpan At, Fault Fault);

/// <summary>What happens when, made from a seed alone: the same seed and lease always give the same schedule.</summary>
/// <param name="Seed">Where it comes from.</param>
/// <param name="LeaseSeconds">The lease that its freezes are drawn around.</param>
/// <param name="Major">The server's version.</param>
/// <param name="Replicas">Two to six.</param>
/// <param name="Delays">How long the added alterations take, see <see cref="Stretch"/>.</param>
/// <param name="Faults">In the order of time.</param>
internal sealed record Schedule(
    int Seed, int LeaseSeconds, int Major, IReadOnlyList<ReplicaPlan> Replicas, IReadOnlyList<TimeSpan> Delays, IReadOnlyList<TimedFault> Faults)
{
    private static readonly string[] Tables = ["users", "logs", "applications", "systems", "sign_in_experiences", "tenants", "oidc_model_instances"];
    private static readonly string[] Modes = ["access exclusive", "share"];

    public TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);

    /// <summary>When the last fault is over.</summary>
    public TimeSpan Horizon => Faults.Select(each => each.At + each.Fault.Duration).DefaultIfEmpty(TimeSpan.Zero).Max();

    /// <summary>Nothing here may end a healthy deploy: a blocker is waited for, and nobody is gone for too long.</summary>
    public bool IsGentle =>
        Faults.All(each => each.Fault is Fault.Block or Fault.Freeze) && FrozenFor(Part.Cli) <= LongestIdleCli && FrozenFor(Part.Gate) + FrozenFor(Part.Both) <= LongestIdleGate;

    /// <summary>A gate that was gone for a third of its lease, all in all, still holds it and has not been silent for too long.</summary>
    public TimeSpan LongestIdleGate => Lease / 3;

    /// <summary>A frozen CLI is not a dead one, but its own driver has the server end a transaction that idles for 60 s.</summary>
    public static TimeSpan LongestIdleCli { get; } = TimeSpan.FromSeconds(50);

    /// <summary>
    /// By when everybody must have passed: after the last fault the lease of a lost holder ends, perhaps again for one that took
    /// it over and was lost too, the sessions of the last one end, and the deploy runs, on a machine that does other things as well.
    /// </summary>
    public TimeSpan Limit => Horizon + (Lease * 5) + TimeSpan.FromSeconds(90);

    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It must give the same numbers again.")]
    public static Schedule From(int seed, int leaseSeconds)
    {
        var random = new Random(seed);
        var lease = TimeSpan.FromSeconds(leaseSeconds);
        var major = random.Next(5) == 0 ? 14 : 17;
        var count = random.Next(2, 7);
        var (shared, wrongClock) = (random.Next(4) == 0, random.Next(4) == 0 ? random.Next(count) : -1);
        var replicas = Enumerable.Range(0, count)
            .Select(index => new ReplicaPlan(shared && index == 1 ? 0 : index, index == 0 ? TimeSpan.Zero : Between(0, 4), index == wrongClock ? ClockKind.Ahead : random.Next(2) == 0 ? ClockKind.StandsStill : ClockKind.Right))
            .ToList();
        var delays = Enumerable.Range(0, Stretch.Delays).Select(_ => Between(0.3, 2)).ToList();
        var gentle = random.Next(6) == 0;
        var faults = Enumerable.Range(0, random.Next(gentle ? 0 : 1, 8))
            .Select(_ => new TimedFault(Between(0.2, 10), gentle ? GentleFault() : AnyFault()))
            .OrderBy(each => each.At)
            .ToList();
        // Two restarts at once would be one.
        var restarts = faults.Where(each => each.Fault is Fault.Restart).Skip(1).ToList();
        return new Schedule(seed, leaseSeconds, major, replicas, delays, [.. faults.Except(restarts)]);

        TimeSpan Between(double from, double to) => TimeSpan.FromMilliseconds(Math.Round(1000 * (from + (random.NextDouble() * (to - from)))));
        T Any<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];
        int? AnyReplica() => random.Next(3) == 0 ? random.Next(count) : null;
        Part AnyPart() => Any([Part.Gate, Part.Cli, Part.Both]);
        // Above it by a little: whoever comes back is to find the next one at work.
        TimeSpan BelowOrAbove() => random.Next(2) == 0 ? lease * Between(0.05, 0.6).TotalSeconds : lease + Between(0.6, 8);
        Fault.Block Blocker() => new(Any(Tables), Any(Modes), Between(0.3, 6));

        Fault GentleFault() => random.Next(4) switch
        {
            0 => new Fault.Freeze(AnyReplica(), Any([Part.Gate, Part.Both]), lease * Between(0.02, 0.2).TotalSeconds),
            1 => new Fault.Freeze(null, Part.Cli, Between(0.3, 8)),
            _ => Blocker(),
        };

        Fault AnyFault() => random.Next(12) switch
        {
            0 or 1 => new Fault.Kill(AnyReplica(), AnyPart()),
            2 => new Fault.Terminate(AnyReplica()),
            3 or 4 => new Fault.Freeze(null, Part.Both, BelowOrAbove()),
            5 => new Fault.Freeze(AnyReplica(), Part.Gate, BelowOrAbove()),
            6 => new Fault.Freeze(null, Part.Cli, BelowOrAbove()),
            7 => new Fault.Restart(Any([StopMode.Fast, StopMode.Immediate]), Between(0, 2)),
            8 => new Fault.Cut(AnyReplica(), AnyPart()),
            9 or 10 => new Fault.Swallow(AnyReplica(), AnyPart(), BelowOrAbove()),
            _ => Blocker(),
        };
    }

    private TimeSpan FrozenFor(Part part) =>
        TimeSpan.FromTicks(Faults.Select(each => each.Fault).OfType<Fault.Freeze>().Where(freeze => freeze.Part == part).Sum(freeze => freeze.For.Ticks));

    public override string ToString()
    {
        var text = new StringBuilder().AppendLine(
            $"seed {Seed}, lease {LeaseSeconds} s, PostgreSQL {Major}, the added alterations take {string.Join(", ", Delays.Select(Fault.Seconds))}{(IsGentle ? ", gentle" : "")}");
        foreach (var (index, replica) in Replicas.Index())
        {
            text.AppendLine($"  {Fault.Seconds(replica.StartsAt),8}  start replica {index} in folder {replica.Folder}{replica.Clock switch { ClockKind.Ahead => ", its clock a day ahead", ClockKind.StandsStill => ", its clock stands still with it", _ => "" }}");
        }

        foreach (var (at, fault) in Faults)
        {
            text.AppendLine($"  {Fault.Seconds(at),8}  {fault}");
        }

        return text.ToString();
    }
}
