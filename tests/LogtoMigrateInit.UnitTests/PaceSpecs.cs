using LogtoMigrateInit.Locking;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The pauses of those that wait.</summary>
public sealed class PaceSpecs
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public void A_few_waiters_look_within_a_second(int waiters) => Assert.InRange(PauseAmong(waiters, Hour).TotalSeconds, 0.3, 1);

    [Theory]
    [InlineData(30)]
    [InlineData(60)]
    [InlineData(200)]
    [InlineData(1000)]
    public void Many_waiters_together_look_as_often_as_a_few(int waiters) =>
        Assert.InRange(waiters / PauseAmong(waiters, Hour).TotalSeconds, 20, 30);

    [Fact]
    public void A_short_wait_is_never_followed_by_a_long_pause()
    {
        Assert.InRange(PauseAmong(1000, TimeSpan.Zero).TotalSeconds, 1, 2.5);
        Assert.InRange(PauseAmong(1000, TimeSpan.FromSeconds(10)).TotalSeconds, 2, 5);
    }

    [Fact]
    public void However_many_connect_no_pause_is_longer_than_a_minute() => Assert.InRange(PauseAmong(1_000_000, Hour).TotalSeconds, 40, 60);

    [Fact]
    public void Those_that_began_together_do_not_look_together()
    {
        Assert.Equal(0.7, new Pace().Next(Hour, null, chance: 1) / new Pace().Next(Hour, null, chance: 0), precision: 3);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(5L)] // a server that was started again counts anew
    public void Without_a_count_the_pause_is_short(long? sessions)
    {
        var pace = new Pace();
        pace.Next(Hour, 1000, chance: 0.5);

        Assert.InRange(pace.Next(Hour, sessions, chance: 0.5).TotalSeconds, 0.3, 0.5);
    }

    /// <summary>What a waiter pauses that saw each of the others look once since its own last look.</summary>
    private static TimeSpan PauseAmong(int waiters, TimeSpan waited)
    {
        var pace = new Pace();
        pace.Next(waited, 1000, chance: 0.5);
        return pace.Next(waited, 1000 + waiters, chance: 0.5);
    }
}
