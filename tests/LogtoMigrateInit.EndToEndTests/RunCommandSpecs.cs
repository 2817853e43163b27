using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary><c>run --</c>, for platforms that cannot order containers.</summary>
public sealed class RunCommandSpecs(SharedServers servers)
{
    private static readonly string[] PrintPid = ["run", "--", "sh", "-c", "echo pid=$$"];

    [Fact(Timeout = 60_000)]
    public async Task The_command_starts_in_the_same_process_after_the_migration()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start(PrintPid, world.Variables());

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal($"pid={gate.Pid}\n", result.StandardOutput);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Theory(Timeout = 60_000)]
    [InlineData("nothing", "", 7)]
    [InlineData("fail-half-way", "", 6)]
    [InlineData("deploy", "delete from systems", 10)]
    public async Task On_any_other_ending_it_never_starts(string mode, string damage, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        if (damage.Length > 0)
        {
            await world.Server.ExecuteAsync(world.Database, damage, FakeWorld.Token);
        }

        var result = await Gate.RunAsync(PrintPid, world.Variables(mode), cancellationToken: FakeWorld.Token);

        Assert.Equal((exitCode, ""), (result.ExitCode, result.StandardOutput));
    }

    /// <summary>Logto itself fills the folder when it starts, and ends with exit code 0 when it may not.</summary>
    [Fact(Timeout = 60_000)]
    public async Task It_does_not_start_where_Logto_may_not_write_its_alteration_scripts_also_with_nothing_pending()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var scratch = Directory.CreateDirectory(Path.Combine(world.Cli.CliDirectory, "alteration-scripts")).FullName;
        var usual = File.GetUnixFileMode(scratch);
        File.SetUnixFileMode(scratch, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var result = await UnprivilegedUser.RunGateAsync(PrintPid, world.Variables(), FakeWorld.Token);
        File.SetUnixFileMode(scratch, usual); // so that it can be deleted

        Assert.Equal((11, ""), (result.ExitCode, result.StandardOutput));
        Assert.Contains(scratch, result.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task Its_exit_code_is_its_own()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        Assert.Equal(42, (await Gate.RunAsync(["run", "--", "sh", "-c", "exit 42"], world.Variables(), cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task Its_signals_are_its_own()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await using var gate = Gate.Start(["run", "--", "sh", "-c", "trap 'exit 7' TERM; echo ready >&2; while :; do sleep 0.05; done"], world.Variables());
        await gate.WaitForLineAsync("ready", cancellationToken: FakeWorld.Token);

        gate.Signal(Signals.Terminate);

        Assert.Equal(7, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task It_inherits_no_ignored_and_no_blocked_signal_from_the_gate()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        string[] command = ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"];
        // .NET starts processes with SIGPIPE ignored, as the gate itself must not.
        var withoutGate = await Tool.RunAsync("env", ["--default-signal=PIPE", .. command], cancellationToken: FakeWorld.Token);

        var result = await Gate.RunAsync(["run", "--", .. command], world.Variables(), cancellationToken: FakeWorld.Token);

        Assert.Equal(withoutGate.StandardOutput, result.StandardOutput);
    }

    [Fact(Timeout = 60_000)]
    public async Task It_gets_DB_URL_also_when_it_came_from_a_file_and_nothing_else_changes()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var url = world.Server.Url(world.Database);
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, url + "\n", FakeWorld.Token);

            var result = await Gate.RunAsync(
                ["run", "--", "sh", "-c", "echo \"$DB_URL $KEPT\""], world.Variables("deploy", ("DB_URL", null), ("DB_URL_FILE", file), ("KEPT", "ä=b")), cancellationToken: FakeWorld.Token);

            Assert.Equal($"{url} ä=b\n", result.StandardOutput);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task It_gets_every_byte_of_the_variables_and_arguments_that_the_gate_got()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        string[] variables = [.. world.Variables().Select(each => $"{each.Key}={each.Value}"), $"PATH={Environment.GetEnvironmentVariable("PATH")}"];
        const string Script = """
            exec env -i PGTZ=Europe/Vienna PGREQUIREAUTH=scram-sha-256 EMPTY= "LATIN1=$(printf 'caf\351')" "$(printf 'N\303=1')" "$@" \
                sh -c 'cat "/proc/$$/environ" "/proc/$$/cmdline" | base64 -w0' "$(printf '\377\376')" '' @file --help 'two words' -- -x ''
            """;
        var without = await Tool.RunAsync("sh", ["-c", Script, "sh", .. variables], cancellationToken: FakeWorld.Token);

        var with = await Tool.RunAsync("sh", ["-c", Script, "sh", .. variables, Repository.Binary, "run", "--"], cancellationToken: FakeWorld.Token);

        Assert.True(Convert.FromBase64String(without.StandardOutput).AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xFE, 0, 0]) > 0);
        Assert.Equal(without.StandardOutput, with.StandardOutput);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_command_that_is_not_there_is_found_out_before_the_migration()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(["run", "--", "no-such-command"], world.Variables(), cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("no-such-command", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Fact(Timeout = 60_000)]
    public async Task A_command_that_cannot_be_started_is_exit_code_2_with_the_reason()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var script = Path.Combine(world.Cli.Directory, "script");
        await File.WriteAllTextAsync(script, "echo no shebang\n", FakeWorld.Token);
        File.SetUnixFileMode(script, (UnixFileMode)Convert.ToInt32("755", 8));

        var result = await Gate.RunAsync(["run", "--", script], world.Variables(), cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("Exec format error", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }
}
