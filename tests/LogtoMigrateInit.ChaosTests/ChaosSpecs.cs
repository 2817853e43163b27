using System.Security.Cryptography;
using LogtoMigrateInit.Fixtures;
using Xunit;
using Xunit.v3;

[assembly: TestPipelineStartup(typeof(InstalledFixtures))]
[assembly: AssemblyFixture(typeof(LogtoMigrateInit.ChaosTests.Stages))]

namespace LogtoMigrateInit.ChaosTests;

/// <summary>Random faults, and what must hold all along and afterwards; the long run is tests/chaos.sh.</summary>
public sealed class ChaosSpecs(Stages stages, ITestOutputHelper output)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 1_500_000)]
    [InlineData(22)]
    [InlineData(59)]
    public Task Nothing_is_broken_by_the_schedule_of_this_seed(int seed) => HoldsAsync(seed);

    [Fact(Timeout = 1_500_000)]
    public Task Nothing_is_broken_by_a_schedule_that_nobody_has_seen_before() => HoldsAsync(RandomNumberGenerator.GetInt32(1_000_000, int.MaxValue));

    [Fact]
    public void The_same_seed_gives_the_same_schedule_and_another_one_another()
    {
        var texts = Enumerable.Range(0, 500).Select(seed => $"{Schedule.From(seed, 6)}").ToList();

        Assert.Equal(texts, Enumerable.Range(0, 500).Select(seed => $"{Schedule.From(seed, 6)}"));
        Assert.Equal(500, texts.Distinct().Count());
    }

    [Fact]
    public void The_schedules_have_every_fault_on_both_sides_of_the_lease()
    {
        var schedules = Enumerable.Range(1, 200).Select(seed => Schedule.From(seed, 6)).ToList();
        var faults = schedules.SelectMany(schedule => schedule.Faults).Select(each => each.Fault).ToList();

        Assert.Equal(7, faults.Select(fault => fault.GetType()).Distinct().Count());
        Assert.Equal(6, faults.OfType<Fault.Freeze>().Select(freeze => (freeze.Part, freeze.For > TimeSpan.FromSeconds(6))).Distinct().Count());
        Assert.Equal(3, faults.OfType<Fault.Kill>().Select(kill => kill.Part).Distinct().Count());
        Assert.InRange(schedules.Count(schedule => schedule.IsGentle), 20, 60);
        Assert.Contains(schedules, schedule => schedule.Replicas.DistinctBy(replica => replica.Folder).Count() < schedule.Replicas.Count);
        Assert.Equal(3, schedules.SelectMany(schedule => schedule.Replicas).Select(replica => replica.Clock).Distinct().Count());
    }

    private async Task HoldsAsync(int seed)
    {
        var schedule = Schedule.From(seed, Lease.Seconds);
        output.WriteLine($"{schedule}");
        var run = await Run.OfAsync(await stages.GetAsync(schedule.Major), schedule, Token);
        output.WriteLine(Report.Line(run));
        if (run.Violations.Count > 0)
        {
            Assert.Fail(Report.Full(run));
        }
    }
}
