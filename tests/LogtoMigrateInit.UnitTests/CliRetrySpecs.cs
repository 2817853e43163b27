using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class CliRetrySpecs
{
    private static readonly CliRun GaveWay =
        new(CliEnd.ByItself, 1, "a.js", "canceling statement due to user request", null, FoundNoConnection: false, 0) { GaveWay = "others waited" };

    [Fact]
    public void An_alteration_that_gave_way_is_tried_six_times_with_growing_pauses()
    {
        var retry = new CliRetry(TimeSpan.FromSeconds(60), NullLogger.Instance);

        Assert.Equal([2, 4, 8, 16, 32, null], Enumerable.Range(0, 6).Select(_ => retry.Next(GaveWay)?.TotalSeconds));
    }

    [Fact]
    public void Another_alteration_begins_to_count_anew()
    {
        var retry = new CliRetry(TimeSpan.FromSeconds(60), NullLogger.Instance);
        for (var attempt = 1; attempt < CliRetry.Attempts; attempt++)
        {
            Assert.NotNull(retry.Next(GaveWay));
        }

        Assert.Equal(2, retry.Next(GaveWay with { Finished = 1 })?.TotalSeconds);
    }

    [Fact]
    public void Any_other_failure_is_final() =>
        Assert.Null(new CliRetry(TimeSpan.FromSeconds(60), NullLogger.Instance).Next(GaveWay with { GaveWay = null }));

    [Fact]
    public void A_full_server_is_tried_again_until_the_time_for_connecting_is_over()
    {
        var full = GaveWay with { GaveWay = null, FoundNoConnection = true };

        Assert.NotNull(new CliRetry(TimeSpan.FromSeconds(60), NullLogger.Instance).Next(full));
        var over = new CliRetry(TimeSpan.FromTicks(-1), NullLogger.Instance);
        Assert.Null(over.Next(full));
    }

    [Fact]
    public void The_last_line_says_why_it_gave_way_and_not_that_the_server_was_asked_to()
    {
        var job = CliJob.Deploy([Alteration.Parse("1.43.0-1786431364-a.js")!], MigrationPlanSpecs.Logto);

        Assert.Contains("because others waited", CliFailure.Describe(GaveWay, job), StringComparison.Ordinal);
        Assert.Equal("", CliFailure.Explain(GaveWay));
    }
}
