using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Odd addresses, folders and files: what Logto can use the gate can too, and the rest is no "bug" but a documented ending.</summary>
public sealed class OddPlaceSpecs(SharedServers servers) : IDisposable
{
    private static CancellationToken Token => FakeWorld.Token;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory(Timeout = 300_000)]
    [InlineData("0.0.0.0")]
    [InlineData("0")]
    [InlineData("127.1")]
    public async Task An_address_that_reaches_this_machine_for_Logto_reaches_it_for_the_gate(string host)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var url = world.Server.Url(world.Database).Replace("127.0.0.1", host, StringComparison.Ordinal);
        Assert.Contains($"@{host}:", url, StringComparison.Ordinal);

        Assert.Null((await Slonik.ConnectAsync([url], new Dictionary<string, string>(), Token))[0].Error);
        Expect.Ending(Expect.Success, await world.CheckAsync(("DB_URL", url)));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("host", 64)]
    [InlineData("host", 256)]
    [InlineData("socket", 200)]
    [InlineData("database", 200)]
    [InlineData("database", 9_000)]
    [InlineData("database", 70_000)]
    [InlineData("user", 9_000)]
    public async Task A_name_that_is_too_long_is_no_bug(string part, int length)
    {
        var server = await servers.GetAsync(17);
        var name = new string('x', length);
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var url = part switch
        {
            "host" => $"postgresql://user:password@{name}:5432/logto",
            "socket" => "postgresql:///logto",
            "database" => server.Url(name),
            _ => server.Url(world.Database, name),
        };

        foreach (var command in new[] { "check", "migrate" })
        {
            var result = await Gate.RunAsync(
                [command],
                world.Variables("nothing", ("DB_URL", url), ("PGHOST", $"/{name}"), ("PGUSER", "user"), ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "0")),
                cancellationToken: Token);

            Assert.True(result.ExitCode is 3 or 4, $"{result}");
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task A_relative_folder_is_the_same_for_check_and_migrate()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var parent = Directory.GetParent(world.Cli.Directory)!.FullName;

        var result = await ShellAsync($"cd '{parent}' && exec '{Repository.Binary}'", world.Variables("deploy", ("LOGTO_INIT_LOGTO_DIR", Path.GetFileName(world.Cli.Directory))));

        Assert.True(result.ExitCode == 0, result.StandardError);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task A_working_folder_that_is_gone_is_not_needed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var script = $"mkdir '{_folder}/gone' && cd '{_folder}/gone' && rmdir '{_folder}/gone' && exec '{Repository.Binary}'";

        var result = await ShellAsync(script, world.Variables());
        Assert.True(result.ExitCode == 0, result.StandardError);
        Assert.Equal(FakeWorld.After, await world.StateAsync());

        var relative = await ShellAsync(script, world.Variables("deploy", ("LOGTO_INIT_LOGTO_DIR", "logto")));
        Assert.Equal(2, relative.ExitCode);
        Assert.Contains("LOGTO_INIT_LOGTO_DIR is 'logto', which cannot be found from the working folder", relative.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_file_called_node_in_the_working_folder_does_not_hide_the_one_of_the_path()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        foreach (var folder in new[] { _folder.FullName, world.Cli.Directory })
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "node"), "no program", Token);
        }

        var result = await ShellAsync(
            $"cd '{_folder}' && exec '{Repository.Binary}'",
            world.Variables("deploy", ("LOGTO_INIT_NODE", "node"), ("PATH", $"{Path.GetDirectoryName(Repository.Node)}:/usr/bin:/bin")));

        Assert.True(result.ExitCode == 0, result.StandardError);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("#!/does/not/exist\n", "No such file or directory")]
    [InlineData("\u007fELF nonsense", "Exec format error")]
    public async Task A_Node_that_does_not_start_is_named_with_the_cause(string text, string cause)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var node = Path.Combine(_folder.FullName, "node");
        await File.WriteAllTextAsync(node, text, Token);
        File.SetUnixFileMode(node, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var result = await world.RunAsync("deploy", ("LOGTO_INIT_NODE", node));

        Assert.Equal(11, result.ExitCode);
        Assert.Contains(node, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains(cause, FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_file_of_two_lines_is_no_URL()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var file = Path.Combine(_folder.FullName, "url");
        await File.WriteAllTextAsync(file, $"{world.Server.Url(world.Database)}\n", Token);
        Expect.Ending(Expect.Success, await world.CheckAsync(("DB_URL", null), ("DB_URL_FILE", file)));

        await File.AppendAllTextAsync(file, "second", Token);
        var result = await world.CheckAsync(("DB_URL", null), ("DB_URL_FILE", file));

        Expect.Ending(2, result);
        Assert.Contains("more than one line", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.DoesNotContain("second", result.StandardError, StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_termination_log_that_is_a_pipe_keeps_nobody_waiting(bool isRead)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var pipe = Path.Combine(_folder.FullName, "pipe");
        await Tool.RunAsync("mkfifo", [pipe], cancellationToken: Token);
        using var reader = isRead ? new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite) : null;

        var result = await world.RunAsync("nothing", ("LOGTO_INIT_TERMINATION_LOG", pipe));

        Expect.Ending(Expect.Success, result);
        Assert.Contains("schema matches", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("/dev/stderr")]
    [InlineData("/proc/self/fd/2")]
    [InlineData("{log}")]
    public async Task A_log_that_is_the_termination_log_too_is_not_emptied(string name)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var log = Path.Combine(_folder.FullName, "log");

        var result = await ShellAsync(
            $"echo before > '{log}'; exec '{Repository.Binary}' 2>> '{log}'",
            world.Variables("nothing", ("LOGTO_INIT_TERMINATION_LOG", name.Replace("{log}", log, StringComparison.Ordinal))));

        Assert.Equal(0, result.ExitCode);
        var lines = await File.ReadAllLinesAsync(log, Token);
        Assert.Equal("before", lines[0]);
        Assert.Contains("schema matches", lines[^1], StringComparison.Ordinal);
    }

    private static Task<ToolResult> ShellAsync(string script, Dictionary<string, string?> variables)
    {
        var given = variables.Where(each => each.Value is not null).ToDictionary(each => each.Key, each => each.Value!);
        given.TryAdd("LOGTO_INIT_NODE", Repository.Node);
        return Tool.TryRunAsync("sh", ["-c", script], given, Token);
    }
}
