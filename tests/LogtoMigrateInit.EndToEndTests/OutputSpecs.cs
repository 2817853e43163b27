using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Whoever reads what the gate prints, however slowly or not at all, decides nothing about how it ends.</summary>
public sealed class OutputSpecs(SharedServers servers)
{
    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 300_000)]
    [InlineData("--help", 0)]
    [InlineData("--version", 0)]
    [InlineData("no-such-command", 2)]
    [InlineData("install /does/not/exist", 2)]
    [InlineData("migrate", 2)]
    [InlineData("check --output json", 2)]
    public async Task A_closed_or_full_output_changes_no_exit_code(string words, int exitCode)
    {
        foreach (var redirection in new[] { ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1" })
        {
            var result = await Tool.TryRunAsync("sh", ["-c", $"exec '{Repository.Binary}' {words} {redirection}"], cancellationToken: Token);

            Assert.Equal((redirection, exitCode), (redirection, result.ExitCode));
        }

        var broken = await Tool.TryRunAsync("bash", ["-c", $"(sleep 0.1; exec '{Repository.Binary}' {words} 2>&1) | true; exit ${{PIPESTATUS[0]}}"], cancellationToken: Token);
        Assert.Equal(exitCode, broken.ExitCode);
    }

    [Fact(Timeout = 600_000)]
    public async Task A_log_that_nobody_reads_does_not_stop_a_deploy()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start([], world.Variables("flood"), readsLog: false);

        var result = await gate.WaitForExitAsync(cancellationToken: Token);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
        await world.LeavesNothingAsync();
    }

    [Theory(Timeout = 600_000)]
    [InlineData(Signals.Terminate, 143)]
    [InlineData(Signals.Interrupt, 130)]
    public async Task A_signal_ends_a_gate_whose_log_nobody_reads(int signal, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start([], world.Variables("flood"), readsLog: false);
        while (await world.Cli.RunsAsync(Token) is not [var cli] || BytesWrittenBy(cli.Pid) < 90_000)
        {
            await Task.Delay(5, Token);
        }

        gate.Signal(signal);

        Assert.Equal(exitCode, (await gate.WaitForExitAsync(TimeSpan.FromSeconds(8), Token)).ExitCode);
        await world.LeavesNothingAsync();
        await world.RecoversAsync();
    }

    [Fact(Timeout = 900_000)]
    public async Task A_slow_reader_gets_every_line_of_a_flood()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start([], world.Variables("flood"), readsLog: false);
        var buffer = new char[65_536];
        var lines = 0;
        var end = "";
        while (await gate.StandardError.ReadAsync(buffer, Token) is var count and > 0)
        {
            var text = string.Concat(end.AsSpan(Math.Max(0, end.Length - 2)), buffer.AsSpan(0, count)); // a line may stand across two
            lines += text.AsSpan().Count("xx\n");
            end += buffer.AsSpan(0, count).ToString();
            end = end[^Math.Min(4000, end.Length)..];
            await Task.Delay(1, Token);
        }

        Assert.Equal(500_000, lines);
        Assert.Contains(" characters cut)", end, StringComparison.Ordinal); // of the one line of 20 MB, which comes last
        Assert.Contains("Logto can start", end.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        Assert.Equal(0, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
    }

    private static long BytesWrittenBy(int pid)
    {
        var line = File.ReadAllLines($"/proc/{pid}/io").Single(line => line.StartsWith("wchar: ", StringComparison.Ordinal));
        return long.Parse(line["wchar: ".Length..], CultureInfo.InvariantCulture);
    }
}
