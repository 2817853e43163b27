using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary><c>run --</c>, for platforms that cannot order containers.</summary>
public sealed class RunCommandSpecs(SharedServers servers)
{
    private static readonly string[] PrintPid = ["run", "--", "sh", "-c", "echo pid=$$"];

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task The_command_starts_in_the_same_process_after_the_migration()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var gate = Gate.Start(PrintPid, world.Variables());

        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal($"pid={gate.Pid}\n", result.StandardOutput);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Theory(Timeout = 300_000)]
    [InlineData("nothing", "", 7)]
    [InlineData("fail-half-way", "", 6, Traits = ["Run", "quick"])]
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
    [Fact(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
    public async Task Its_exit_code_is_its_own()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        Assert.Equal(42, (await Gate.RunAsync(["run", "--", "sh", "-c", "exit 42"], world.Variables(), cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task Its_signals_are_its_own()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await using var gate = Gate.Start(["run", "--", "sh", "-c", "trap 'exit 7' TERM; echo ready >&2; while :; do sleep 0.05; done"], world.Variables());
        await gate.WaitForLineAsync("ready", cancellationToken: FakeWorld.Token);

        gate.Signal(Signals.Terminate);

        Assert.Equal(7, (await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task It_inherits_no_ignored_and_no_blocked_signal_from_the_gate()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        string[] command = ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"];
        // .NET starts processes with SIGPIPE ignored, as the gate itself must not.
        var withoutGate = await Tool.RunAsync("env", ["--default-signal=PIPE", .. command], cancellationToken: FakeWorld.Token);

        var result = await Gate.RunAsync(["run", "--", .. command], world.Variables(), cancellationToken: FakeWorld.Token);

        Assert.Equal(withoutGate.StandardOutput, result.StandardOutput);
    }

    [Fact(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
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

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_command_that_is_not_there_is_found_out_before_the_migration()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(["run", "--", "no-such-command"], world.Variables(), cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("no-such-command", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task A_file_that_may_not_be_executed_is_no_command()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var folder = Directory.CreateTempSubdirectory("commands-");
        foreach (var name in new[] { "first", "second" })
        {
            folder.CreateSubdirectory(name);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, name, "tool"), $"#!/bin/sh\necho the {name}\n", FakeWorld.Token);
        }

        var path = ("PATH", (string?)$"{folder}/first:{folder}/second:/usr/bin:/bin");
        var none = await Gate.RunAsync(["run", "--", "tool"], world.Variables("deploy", path), cancellationToken: FakeWorld.Token);
        Assert.Equal((2, FakeWorld.Before), (none.ExitCode, await world.StateAsync()));

        File.SetUnixFileMode(Path.Combine(folder.FullName, "second", "tool"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var second = await Gate.RunAsync(["run", "--", "tool"], world.Variables("deploy", path), cancellationToken: FakeWorld.Token);
        Assert.Equal((0, "the second\n"), (second.ExitCode, second.StandardOutput));
        folder.Delete(recursive: true);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("echo no shebang\n", "neither with #! and an interpreter nor with an ELF header")]
    [InlineData("", "neither with #!")]
    [InlineData("#!/no/such/interpreter -x\n", "'/no/such/interpreter' is missing")]
    [InlineData("#!/bin/sh\r\n", "'/bin/sh\\u000d' is missing")]
    [InlineData("#! \n", "without an interpreter")]
    [InlineData("\u007fELF\u0002\u0001\u0001", "ELF header is damaged")]
    public async Task A_command_that_cannot_be_started_is_found_out_before_the_migration(string content, string reason)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(["run", "--", await WriteAsync(world, content)], world.Variables(), cancellationToken: FakeWorld.Token);

        Expect.Ending(2, result);
        Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task A_program_for_another_processor_is_found_out_before_the_migration()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var bytes = await File.ReadAllBytesAsync(Repository.Binary, FakeWorld.Token);
        bytes[18] = 243; // EM_RISCV
        var file = await WriteAsync(world, "");
        await File.WriteAllBytesAsync(file, bytes, FakeWorld.Token);

        var result = await Gate.RunAsync(["run", "--", file], world.Variables(), cancellationToken: FakeWorld.Token);

        Expect.Ending(2, result);
        Assert.Contains("another kind of processor", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Theory(Timeout = 300_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_command_that_cannot_be_started_after_a_deploy_is_said_with_what_was_deployed(bool urlFromPipe)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var script = await WriteAsync(world, "#!/bin/sh\n");
        var termination = await WriteAsync(world, "old", "termination-log");
        var variables = world.Variables("hold", ("LOGTO_INIT_TERMINATION_LOG", termination));
        var pipe = Path.Combine(world.Cli.Directory, "pipe");
        if (urlFromPipe)
        {
            await Tool.RunAsync("mkfifo", [pipe], cancellationToken: FakeWorld.Token);
            (variables["DB_URL"], variables["DB_URL_FILE"]) = (null, pipe);
        }

        await using var gate = Gate.Start(["run", "--", script], variables);
        if (urlFromPipe)
        {
            await File.WriteAllTextAsync(pipe, world.Server.Url(world.Database), FakeWorld.Token);
        }

        // It was all right when it was looked at.
        await gate.WaitForLineAsync("1/3", cancellationToken: FakeWorld.Token);
        await File.WriteAllTextAsync(script, "echo no shebang\n", FakeWorld.Token);
        await world.Cli.LetGoAsync(FakeWorld.Token);
        var result = await gate.WaitForExitAsync(cancellationToken: FakeWorld.Token);

        Expect.Ending(2, result);
        Assert.Contains("Exec format error", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("The schema matches Logto 1.43.0 (state 1786431364, 3 alterations deployed)", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.DoesNotContain("nothing was done", $"{result}", StringComparison.Ordinal);
        Assert.EndsWith(await File.ReadAllTextAsync(termination, FakeWorld.Token), FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    /// <returns>The path of an executable file.</returns>
    private static async Task<string> WriteAsync(FakeWorld world, string content, string name = "script")
    {
        var file = Path.Combine(world.Cli.Directory, name);
        await File.WriteAllTextAsync(file, content, FakeWorld.Token);
        File.SetUnixFileMode(file, (UnixFileMode)Convert.ToInt32("755", 8));
        return file;
    }
}
