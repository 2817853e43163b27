using System.Text.Json;
using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Nothing that the gate prints or writes holds a password: ours in any spelling, or one in another session's SQL.</summary>
public sealed class SecretSpecs(SharedServers servers)
{
    private const string Secret = "S3cret";

    public static TheoryData<string> Passwords => ["p@ss/word%?", "a\tS3\ncret line", "%41%2fS3", "q'uo\"te\\n`$$", "a b+c&d=e#f", "grüß密😀S3", "\\\\S3\\\\", "S3\u001b\u007f"];

    [Theory(Timeout = 600_000)]
    [MemberData(nameof(Passwords))]
    public async Task No_spelling_of_the_password_is_shown(string password)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = PostgresDatabases.UniqueName("u");
        await world.Server.CreateUserAsync(user, password, "superuser", FakeWorld.Token);
        var url = world.Server.Url(world.Database, user, password);
        string[] spellings = [password, Uri.EscapeDataString(password), JsonSerializer.Serialize(password)[1..^1], password.Replace("'", "''", StringComparison.Ordinal), $"{password}x"];
        var said = string.Join('\n', spellings.Select(spelling => $"error {spelling} and postgres://x:{spelling}@y/z and {{\"password\":\"{spelling}\"}}"));

        foreach (var (mode, format) in new[] { ("say", "text"), ("say", "json"), ("print-url", "text") })
        {
            var (result, lastWords) = await RunAsync("migrate", world.Variables(mode, ("DB_URL", url), ("FAKE_CLI_SAY", JsonSerializer.Serialize(said)), ("LOGTO_INIT_LOG_FORMAT", format), ("LOGTO_INIT_LOG_LEVEL", "verbose")));

            Expect.Ending(mode == "say" ? 6 : 0, result);
            Expect.LogContains("***", result);
            foreach (var spelling in spellings.Append(Uri.EscapeDataString(password).ToLowerInvariant()).Distinct())
            {
                Assert.DoesNotContain(spelling, $"{result}\n{lastWords}", StringComparison.OrdinalIgnoreCase);
            }

            Assert.DoesNotContain("S3", $"{result}\n{lastWords}", StringComparison.Ordinal); // and no half of it
        }

        var (refused, words) = await RunAsync("check", world.Variables("nothing", ("DB_URL", world.Server.Url(world.Database, user, $"{password}x"))));
        Expect.Ending(Expect.Refused, refused);
        Assert.All(spellings, spelling => Assert.DoesNotContain(spelling, $"{refused}\n{words}", StringComparison.OrdinalIgnoreCase));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_password_too_short_to_be_hidden_is_said_once_and_does_not_hide_the_reason()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = PostgresDatabases.UniqueName("u");
        await world.Server.CreateUserAsync(user, "e", "superuser", FakeWorld.Token);

        var result = await world.RunAsync("fail-half-way", ("DB_URL", world.Server.Url(world.Database, user, "e")));

        Expect.Ending(6, result);
        Assert.Contains("relation \"nowhere\" does not exist", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Single(result.LogLines, line => line.Contains("fewer than 4 characters", StringComparison.Ordinal));
    }

    [Theory(Timeout = 300_000)]
    [InlineData("postgresql://u:12/S3cret@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:p@S3cret/w@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:p@127.0.0.1:1/S3cret/w@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:p@127.0.0.1:1/l?S3cret=1&x@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:p@127.0.0.1:1/l?sslmode=S3cret@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:p@127.0.0.1:1/l#S3cret@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:S3cret/x@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:S3cret?x@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:S3cret#x@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:S3cret/logto")]
    [InlineData("postgresql://u:S3cret%@127.0.0.1:1/logto")]
    [InlineData("postgres:/u:S3cret@127.0.0.1:1/logto")]
    [InlineData("postgresql://u:S3cret@[::1]:1/logto")]
    [InlineData("postgresql://u:S3cret@127.0.0.1:x/logto")]
    [InlineData("postgresql://u:S3cret@127.0.0.1:1")]
    [InlineData("'postgresql://u:S3cret@127.0.0.1:1/logto'")]
    public async Task No_part_of_a_password_that_a_URL_misplaces_is_shown(string url)
    {
        foreach (var command in new[] { "check", "migrate" })
        {
            var (result, lastWords) = await RunAsync(command, new() { ["DB_URL"] = url, ["LOGTO_INIT_LOG_LEVEL"] = "verbose" });

            Expect.Ending(2, result);
            Assert.DoesNotContain(Secret, $"{result}\n{lastWords}", StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory(Timeout = 300_000)]
    [InlineData("alter role ROLE password 'S3cret'")]
    [InlineData("alter role ROLE encrypted password E'S3cret\\''")]
    [InlineData("alter role ROLE password $x$S3cret$x$")]
    [InlineData("/* it's */ alter role ROLE password 'S3cret'")]
    public async Task No_secret_in_the_SQL_of_another_session_is_shown(string sql)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var role = PostgresDatabases.UniqueName("r");
        await world.Server.CreateUserAsync(role, "x", "", FakeWorld.Token);
        await using var other = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        var work = $"begin; lock table systems in share mode; {sql.Replace("ROLE", role, StringComparison.Ordinal)}";
        await ExecuteAsync(other, work);
        var (blocked, _) = await RunAsync("migrate", world.Variables("deploy", ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "3")));

        // As the session of a killed run, which is left alone only while a statement of it works.
        await ExecuteAsync(other, "rollback");
        await using var first = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        await ExecuteAsync(first, $"begin; alter role {role} password 'y'");
        const string gone = "logto-migrate-init-cli-gone";
        var working = WorkAsync(world, $"set application_name = '{gone}'; {work}");
        await world.WaitUntilAsync($"exists (select from pg_stat_activity where application_name = '{gone}' and wait_event_type = 'Lock')");
        var (orphaned, lastWords) = await RunAsync("migrate", world.Variables("deploy", ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1")));
        await ExecuteAsync(first, "rollback");
        await working;

        Expect.Ending(6, blocked);
        Expect.LogContains($"pid {other.ProcessID}", blocked);
        Expect.LogContains("password", blocked);
        Assert.DoesNotContain(Secret, blocked.StandardError, StringComparison.OrdinalIgnoreCase);
        Expect.Ending(5, orphaned);
        Assert.Contains("password", lastWords, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, $"{orphaned}\n{lastWords}", StringComparison.OrdinalIgnoreCase);
    }

    private static async Task WorkAsync(FakeWorld world, string sql)
    {
        await using var session = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        await ExecuteAsync(session, sql);
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(FakeWorld.Token);
    }

    private static async Task<(GateResult Result, string LastWords)> RunAsync(string command, Dictionary<string, string?> variables)
    {
        var file = Path.GetTempFileName();
        try
        {
            variables["LOGTO_INIT_TERMINATION_LOG"] = file;
            var result = await Gate.RunAsync([command], variables, cancellationToken: FakeWorld.Token);
            return (result, await File.ReadAllTextAsync(file, FakeWorld.Token));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
