using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// A load balancer that forgets silent connections after some minutes sees packets on that of a CLI whose statement takes longer. The
/// kernel sends them, so a proxy of this process cannot see them. The test therefore asks the kernel for the timers of both ends. It
/// shows that a probe is due within ten seconds on each side, not that a certain load balancer counts probes as traffic.
/// </summary>
public sealed partial class KeepAliveSpecs(SharedServers servers)
{
    private const double Longest = 10;

    [Fact(Timeout = 300_000)]
    public async Task Both_ends_of_the_CLIs_connection_send_a_probe_after_ten_silent_seconds()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/ss") || File.Exists("/bin/ss"), "ss shows the timers");
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = world.Start("hold");
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        var port = await world.Server.QuerySingleAsync<int>(
            world.Database, "select client_port from pg_stat_activity where datname = current_database() and application_name like 'logto-migrate-init-cli%'", FakeWorld.Token);

        // For the moment of an unacknowledged packet the timer is another one.
        string[] lines;
        do
        {
            lines = (await Tool.RunAsync("ss", ["-tnoH", $"sport = :{port} or dport = :{port}"], cancellationToken: FakeWorld.Token))
                .StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        while (lines.Any(line => line.Contains("timer:(on", StringComparison.Ordinal)));

        await world.Cli.LetGoAsync(FakeWorld.Token);
        Assert.Equal(2, lines.Length);
        Assert.All(lines, line => Assert.True(SecondsToProbe(line) is <= Longest, line));
        Expect.Ending(Expect.Success, await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token));
    }

    /// <returns>Null when no probe is due, or only in minutes.</returns>
    private static double? SecondsToProbe(string line) => Timer().Match(line) is { Success: true } timer
        ? double.Parse(timer.Groups[1].Value, CultureInfo.InvariantCulture) * (timer.Groups[2].Value == "ms" ? 0.001 : 1)
        : null;

    // As in `timer:(keepalive,9.5sec,0)`, `timer:(keepalive,980ms,0)` and `timer:(keepalive,119min,0)`.
    [GeneratedRegex(@"timer:\(keepalive,([\d.]+)(sec|ms),")]
    private static partial Regex Timer();
}
