using LogtoMigrateInit.Locking;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The pauses of a replica that waits.</summary>
public sealed class WaitingPauseSpecs
{
    [Theory]
    [InlineData(0)]
    [InlineData(3600)]
    public void Over_a_kept_connection_a_replica_polls_within_a_second(int waited) =>
        Assert.InRange(PauseAfter(waited, isKept: true), 0.7, 1);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(10, 5)]
    [InlineData(60, 30)]
    [InlineData(3600, 60)]
    public void Over_new_connections_the_pause_grows_with_the_time_waited(int waited, double seconds) =>
        Assert.Equal(seconds, PauseAfter(waited, isKept: false, chance: 0));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Replicas_that_started_together_do_not_poll_together(bool isKept) =>
        Assert.Equal(0.7, PauseAfter(3600, isKept, chance: 1) / PauseAfter(3600, isKept, chance: 0), precision: 3);

    private static double PauseAfter(int waited, bool isKept, double chance = 0.5) =>
        WaitingConnection.PauseAfter(TimeSpan.FromSeconds(waited), isKept, chance).TotalSeconds;
}
