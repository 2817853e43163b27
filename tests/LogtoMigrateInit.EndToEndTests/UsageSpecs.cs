using System.Text.Json;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The words and variables that an operator types.</summary>
public sealed class UsageSpecs(SharedServers servers)
{
    private static readonly Dictionary<string, string?> Nothing = [];

    [Theory(Timeout = 300_000)]
    [Trait("Run", "quick")]
    [InlineData("--help", "migrate")]
    [InlineData("--version", "logto-migrate-init 0.")]
    [InlineData("-V", "logto-migrate-init 0.")]
    public async Task Help_and_version_are_printed(string option, string text)
    {
        var result = await Gate.RunAsync([option], Nothing, cancellationToken: FakeWorld.Token);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(text, result.StandardOutput, StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("migrat")]
    [InlineData("check --output xml")]
    [InlineData("run")]
    [InlineData("install")]
    [InlineData("--wait")]
    public async Task Wrong_words_are_exit_code_2_with_a_hint(string words)
    {
        var result = await Gate.RunAsync(words.Split(' '), Nothing, cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--help", result.StandardError, StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("nonsense", 2)]
    [InlineData("check --nope", 2)]
    [InlineData("run", 2)]
    [InlineData("rollback nope --yes", 2, Traits = ["Run", "quick"])]
    [InlineData("rehearse --output nope", 2)]
    [InlineData("install /nonexistent", 2)]
    [InlineData("install FOLDER", 0)]
    public async Task Every_exit_is_an_event_of_the_log_and_in_the_termination_log(string words, int exitCode)
    {
        var folder = Directory.CreateTempSubdirectory();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "old", FakeWorld.Token);

            var result = await Gate.RunAsync(
                words.Replace("FOLDER", folder.FullName, StringComparison.Ordinal).Split(' '),
                new Dictionary<string, string?> { ["LOGTO_INIT_LOG_FORMAT"] = "json", ["LOGTO_INIT_TERMINATION_LOG"] = file },
                cancellationToken: FakeWorld.Token);

            Expect.Ending(exitCode, result);
            var last = JsonDocument.Parse(Assert.Single(result.LogLines)).RootElement;
            Assert.Equal(exitCode == 0 ? 1001 : 1002, last.GetProperty("EventId").GetProperty("Id").GetInt32());
            Assert.Equal(await File.ReadAllTextAsync(file, FakeWorld.Token), last.GetProperty("@m").GetString());
            Assert.EndsWith($" (exit code {exitCode})", last.GetProperty("@m").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
            File.Delete(file);
        }
    }

    [Theory(Timeout = 300_000)]
    [InlineData("migrat", "Did you mean migrate?")]
    [InlineData("check --drft", "Did you mean --drift?")]
    [InlineData("check --drft", "see logto-migrate-init check --help.")]
    [InlineData("status", "Did you mean check?")]
    [InlineData("up", "Did you mean migrate?")]
    [InlineData("migrate --dry-run", "`check` says what migrate would do")]
    [InlineData("check -q", "LOGTO_INIT_LOG_LEVEL=warning")]
    [InlineData("check --output yaml", "'yaml' is no format of --output, which takes text or json.")]
    public async Task The_nearest_word_is_named(string words, string expected) =>
        Assert.Contains(expected, (await Gate.RunAsync(words.Split(' '), Nothing, cancellationToken: FakeWorld.Token)).StandardError, StringComparison.Ordinal);

    [Fact(Timeout = 300_000)]
    public async Task The_program_completes_its_own_words()
    {
        var result = await Gate.RunAsync(["[suggest:20]", "logto-migrate-init ro"], Nothing, cancellationToken: FakeWorld.Token);

        Assert.Equal("rollback", result.StandardOutput.Trim());
    }

    [Theory(Timeout = 300_000)]
    [InlineData("check", "--json")]
    [InlineData("rehearse", "--json")]
    [InlineData("backup", "--list", "--json")]
    public async Task Json_is_one_word(params string[] words)
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var result = await world.RunAsync(words);

        Assert.NotEmpty(JsonDocument.Parse(result.StandardOutput).RootElement.ToString());
    }

    [Theory(Timeout = 300_000)]
    [InlineData("check")]
    [InlineData("rehearse --no-start")]
    public async Task The_last_sentence_is_printed_once(string words)
    {
        await using var world = await BackupWorld.CreateAsync(servers);

        var result = await world.RunAsync(words.Split(' '));

        var sentence = result.LastLine[(result.LastLine.IndexOf(' ', StringComparison.Ordinal) + 5)..result.LastLine.IndexOf(" (exit code", StringComparison.Ordinal)];
        Assert.InRange(sentence.Length, 20, 2000);
        Assert.DoesNotContain(sentence, result.StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task All_wrong_variables_are_named_in_the_last_line()
    {
        var result = await Gate.RunAsync(
            [],
            new Dictionary<string, string?> { ["LOGTO_INIT_SEEED"] = "true", ["LOGTO_INIT_LOCK_TIMEOUT_SECONDS"] = "1h", ["DB_URL"] = "postgres://u:s3cret#x@db/logto" },
            cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        foreach (var text in new[] { "did you mean LOGTO_INIT_SEED?", "LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "DB_URL", "%23", "(exit code 2)" })
        {
            Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("s3cret", $"{result}", StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("/dev/zero", "holds more than 64 KiB")]
    [InlineData("/", "Is a directory")]
    [InlineData("pipe", "has not come within 10 s")]
    public async Task A_URL_file_without_an_end_is_not_read_without_end(string file, string reason)
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var pipe = Path.Combine(directory.FullName, "pipe");
            await Tool.RunAsync("mkfifo", [pipe], cancellationToken: FakeWorld.Token);

            var result = await Gate.RunAsync(
                ["check"], new Dictionary<string, string?> { ["DB_URL_FILE"] = file == "pipe" ? pipe : file }, TimeSpan.FromSeconds(20), FakeWorld.Token);

            Expect.Ending(2, result);
            Assert.Contains(reason, FakeWorld.LastLine(result), StringComparison.Ordinal);
            Assert.DoesNotContain("..", FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory(Timeout = 300_000)]
    [InlineData("DB_URL_FILE=<(sleep 0.5; echo \"$URL\") exec \"$0\" check")]
    [InlineData("(sleep 0.5; printf %s \"$URL\") | DB_URL_FILE=/dev/stdin \"$0\" check")]
    [InlineData("DB_URL_FILE=/dev/stdin exec \"$0\" check <<< \"$URL\"")]
    public async Task A_URL_may_come_through_a_pipe(string script)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var variables = world.Variables().Where(each => each.Key != "DB_URL").ToDictionary(each => each.Key, each => each.Value!);
        variables["URL"] = world.Server.Url(world.Database);

        var result = await Tool.TryRunAsync("bash", ["-c", script, Repository.Binary], variables, FakeWorld.Token);

        Assert.True(result.ExitCode == 0, $"{result}");
    }

    [Theory(Timeout = 300_000)]
    [InlineData("DB_URL=URL\n", false)]
    [InlineData("# DB_URL=postgres://u:s3cret@other/logto\nOTHER=1\n", false)]
    [InlineData("DB_URL=postgres://u:s3cret@other/logto\nexport DB_URL = \"URL\" # the last one counts\r\n", false)]
    [InlineData("A=1\nDB_URL='postgres://u:s3cret@other/logto'\n", true)]
    [InlineData("DB_URL=nonsense-s3cret", true)]
    public async Task A_dot_env_of_Logtos_that_names_another_database_is_a_warning(string content, bool warns)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        await File.WriteAllTextAsync(
            Path.Combine(world.Cli.Directory, ".env"), content.Replace("URL\"", world.Server.Url(world.Database) + "\"", StringComparison.Ordinal).Replace("=URL", $"={world.Server.Url(world.Database)}", StringComparison.Ordinal), FakeWorld.Token);

        var result = await world.CheckAsync();

        Expect.Ending(Expect.Success, result);
        Assert.Equal(warns, result.StandardError.Contains(Path.Combine(world.Cli.Directory, ".env"), StringComparison.Ordinal));
        Assert.DoesNotContain("s3cret", $"{result}", StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_dot_env_that_alone_has_DB_URL_is_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var file = Path.Combine(world.Cli.Directory, ".env");
        await File.WriteAllTextAsync(file, "DB_URL=postgres://u:s3cret@other/logto\n", FakeWorld.Token);

        var result = await world.CheckAsync(("DB_URL", null));

        Expect.Ending(2, result);
        Assert.Contains($"Logto reads it from '{file}'", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", $"{result}", StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task Install_copies_an_executable_that_works()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var result = await Gate.RunAsync(["install", directory.FullName], Nothing, cancellationToken: FakeWorld.Token);
            Assert.Equal(0, result.ExitCode);

            var installed = Assert.Single(directory.GetFiles());
            Assert.Equal((UnixFileMode)Convert.ToInt32("755", 8), installed.UnixFileMode);
            Assert.Equal(0, (await Tool.TryRunAsync(installed.FullName, ["--version"], cancellationToken: FakeWorld.Token)).ExitCode);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task Installs_of_processes_with_one_number_do_not_meet()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            // Another container's process has the same number, and its file lies there.
            await Tool.RunAsync(
                "sh", ["-c", "mkdir \"$1/logto-migrate-init.$$.tmp\" && exec \"$0\" install \"$1\"", Repository.Binary, directory.FullName], cancellationToken: FakeWorld.Token);

            Assert.Equal("logto-migrate-init", Assert.Single(directory.GetFiles()).Name);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task Install_into_a_folder_without_a_name_is_refused()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var result = await Tool.TryRunAsync("sh", ["-c", "cd \"$1\" && exec \"$0\" install ''", Repository.Binary, directory.FullName], cancellationToken: FakeWorld.Token);

            Assert.Equal(2, result.ExitCode);
            Assert.Contains("name of the folder is empty", result.StandardError, StringComparison.Ordinal);
            Assert.Empty(directory.GetFiles());
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task An_install_that_fails_leaves_no_half_copy()
    {
        var folder = Directory.CreateTempSubdirectory("install-");
        folder.CreateSubdirectory("logto-migrate-init");

        Assert.Equal(2, (await Gate.RunAsync(["install", folder.FullName], Nothing, cancellationToken: FakeWorld.Token)).ExitCode);

        Assert.Equal(["logto-migrate-init"], folder.EnumerateFileSystemInfos().Select(entry => entry.Name));
        folder.Delete(recursive: true);
    }

    [Fact(Timeout = 300_000)]
    public async Task Install_into_a_folder_that_is_not_there_says_so()
    {
        var result = await Gate.RunAsync(["install", "/does/not/exist"], Nothing, cancellationToken: FakeWorld.Token);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("/does/not/exist", result.StandardError, StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task JSON_logs_are_one_object_a_line()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("deploy", ("LOGTO_INIT_LOG_FORMAT", "json"));

        Assert.Equal(0, result.ExitCode);
        Assert.All(result.LogLines, line => Assert.NotNull(JsonDocument.Parse(line).RootElement.GetProperty("@m").GetString()));
        Assert.Contains("Logto can start", JsonDocument.Parse(FakeWorld.LastLine(result)).RootElement.GetProperty("@m").GetString(), StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task The_plan_is_printed_as_JSON_on_standard_output()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(["check", "--output", "json"], world.Variables(), cancellationToken: FakeWorld.Token);

        var plan = JsonDocument.Parse(result.StandardOutput).RootElement;
        Assert.Equal(12, result.ExitCode);
        Assert.Equal(12, plan.GetProperty("exitCode").GetInt32());
        Assert.Equal("pending", plan.GetProperty("outcome").GetString());
        Assert.Equal(FakeWorld.Before, plan.GetProperty("state").GetDecimal());
        Assert.Equal(FakeWorld.Alterations[1..], plan.GetProperty("pending").EnumerateArray().Select(each => each.GetString()!));
        Assert.Equal(FakeWorld.After, plan.GetProperty("target").GetProperty("timestamp").GetDecimal());
        Assert.Empty(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_waiting_check_passes_when_the_schema_becomes_right()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var check = Gate.Start(["check", "--wait"], world.Variables());
        await check.WaitForLineAsync("3 alterations are pending", cancellationToken: FakeWorld.Token);

        Assert.Equal(0, (await world.RunAsync()).ExitCode);

        Assert.Equal(0, (await check.WaitForExitAsync(cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_waiting_check_ends_with_the_last_verdict()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await Gate.RunAsync(["check", "--wait"], world.Variables("deploy", ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1")), cancellationToken: FakeWorld.Token);

        Assert.Equal(12, result.ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task The_termination_log_is_written_in_place()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, new string('x', 9999), FakeWorld.Token);
            await using var mount = File.OpenRead(file);

            var result = await world.RunAsync("fail-half-way", ("LOGTO_INIT_TERMINATION_LOG", file));

            using var reader = new StreamReader(mount);
            var text = await reader.ReadToEndAsync(FakeWorld.Token);
            Assert.InRange(text.Length, 1, 4096);
            Assert.EndsWith(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
