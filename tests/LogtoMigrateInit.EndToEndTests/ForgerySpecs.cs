using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Whoever may choose a name, a file or a line of output may not write lines of the log, of <c>check</c> or of the termination log.</summary>
public sealed partial class ForgerySpecs(SharedServers servers)
{
    /// <summary>Ends the line in every way that a reader knows, erases it, and turns the direction of writing round.</summary>
    private const string Forged = "x\n2026-01-01T00:00:00.000Z INF The schema matches\r\u001b[2K\u009b2K\u0085\u2028\u2029\u202e\u2066\u200bINF y";

    public static TheoryData<string, int> Places => new()
    {
        { "user", 4 },
        { "database", 4 },
        { "sslmode", 6 }, // the fake CLI has another idea of it
        { "parameter", 0 },
        { "host", 3 },
        { "unknown variable", 2 },
        { "value of a variable", 2 },
        { "logto folder", 11 },
        { "node", 11 },
        { "expected version", 11 },
        { "table", 7 },
        { "index", 0 },
        { "alteration", 6 },
        { "CLI", 6 },
        { "query of a blocker", 6 },
    };

    [Theory(Timeout = 300_000)]
    [MemberData(nameof(Places))]
    public async Task No_line_is_forged_by_a(string place, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await using var blocker = await world.Server.OpenAsync(world.Database, FakeWorld.Token);
        var url = world.Server.Url(world.Database);
        var encoded = Uri.EscapeDataString(Forged);
        var (variable, value) = place switch
        {
            "user" => ("DB_URL", world.Server.Url(world.Database, user: Forged)),
            "database" => ("DB_URL", world.Server.Url(Forged)),
            "sslmode" => ("DB_URL", $"{url}?sslmode={encoded}"),
            "parameter" => ("DB_URL", $"{url}?{encoded}=1"),
            "host" => ("PGHOST", Forged.Replace(":", "", StringComparison.Ordinal)),
            "unknown variable" => ($"LOGTO_INIT_{Forged}", "1"),
            "value of a variable" => ("LOGTO_INIT_AHEAD", Forged),
            "logto folder" => ("LOGTO_INIT_LOGTO_DIR", Forged),
            "node" => ("LOGTO_INIT_NODE", Forged),
            "expected version" => ("LOGTO_INIT_EXPECTED_VERSION", Forged),
            _ => ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "5"),
        };
        var variables = world.Variables("deploy", ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "0"), ("FAKE_CLI_SAY", JsonSerializer.Serialize($"error {Forged}\0\u001b\b")), (variable, value));
        switch (place)
        {
            case "host":
                variables["DB_URL"] = $"postgresql:///{world.Database}";
                variables["PGUSER"] = "u";
                break;
            case "table":
                await world.Server.ExecuteAsync(world.Database, $"create table {PostgresDatabases.Quote(Forged)} (id int)", FakeWorld.Token);
                await world.RunAsync();
                break;
            case "index":
                await world.Server.ExecuteAsync(
                    world.Database,
                    $"create index {PostgresDatabases.Quote(Forged)} on users (id); update pg_index set indisvalid = false where indexrelid = {Literal(PostgresDatabases.Quote(Forged))}::regclass",
                    FakeWorld.Token);
                await world.RunAsync();
                break;
            case "alteration":
                await File.WriteAllTextAsync(Path.Combine(world.Cli.AlterationsDirectory, "1.44.0-1786431365-x\u001b[2K\u0085\u202e.js"), "", FakeWorld.Token);
                variables["FAKE_CLI"] = "fail-half-way";
                break;
            case "CLI":
                variables["FAKE_CLI"] = "say";
                break;
            case "query of a blocker":
                await using (var command = blocker.CreateCommand())
                {
                    command.CommandText = $"begin; lock table systems in share mode /* {Forged} */";
                    await command.ExecuteNonQueryAsync(FakeWorld.Token);
                }

                break;
        }

        foreach (var command in place is "CLI" or "node" or "query of a blocker" ? ["migrate"] : new[] { "migrate", "check" })
        {
            await IsShownOnOneLineAsync(command, variables, exitCode);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task No_line_is_forged_by_an_argument()
    {
        foreach (var arguments in new string[][] { [Forged], ["check", "--output", Forged], ["install", $"/nowhere/{Forged}"], ["run", "--", Forged] })
        {
            var result = await Gate.RunAsync(arguments, new Dictionary<string, string?> { ["DB_URL"] = "postgres://u@127.0.0.1:1/l" }, cancellationToken: FakeWorld.Token);

            Expect.Ending(2, result);
            IsClean(result.StandardError);
            Assert.DoesNotContain("INF The schema", string.Join('\n', result.LogLines.Where(line => line.StartsWith("2026-01-01", StringComparison.Ordinal))), StringComparison.Ordinal);
        }
    }

    private static async Task IsShownOnOneLineAsync(string command, Dictionary<string, string?> variables, int exitCode)
    {
        var file = Path.GetTempFileName();
        try
        {
            var text = await Gate.RunAsync([command], new Dictionary<string, string?>(variables) { ["LOGTO_INIT_TERMINATION_LOG"] = file, ["LOGTO_INIT_LOG_LEVEL"] = "debug" }, cancellationToken: FakeWorld.Token);

            Assert.True(command == "check" || text.ExitCode == exitCode, $"{text}");
            Assert.All(text.StandardError.Split('\n', '\r'), line => Assert.Matches(LogLine(), line));
            IsClean(text.StandardError);
            IsClean(text.StandardOutput);
            var lastWords = await File.ReadAllTextAsync(file, FakeWorld.Token);
            Assert.DoesNotContain('\n', lastWords);
            IsClean(lastWords);
        }
        finally
        {
            File.Delete(file);
        }

        var json = await Gate.RunAsync(
            command == "check" ? ["check", "--output", "json"] : [command], new Dictionary<string, string?>(variables) { ["LOGTO_INIT_LOG_FORMAT"] = "json" }, cancellationToken: FakeWorld.Token);
        IsClean(json.StandardError);
        Assert.All(json.LogLines, line => Assert.NotNull(JsonDocument.Parse(line).RootElement.GetProperty("@m").GetString()));
        if (command == "check")
        {
            Assert.NotNull(JsonDocument.Parse(json.StandardOutput).RootElement.GetProperty("message").GetString());
        }
    }

    private static void IsClean(string output) => Assert.DoesNotContain(
        output.Replace("\n", "", StringComparison.Ordinal).EnumerateRunes(),
        rune => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    // The forged line is not of the machine's clock.
    [GeneratedRegex(@"^(?!2026-01-01)\d{4}-\d\d-\d\dT[\d:.]{12}\S* (DBG|INF|WRN|ERR|FTL) \S", RegexOptions.CultureInvariant)]
    private static partial Regex LogLine();
}
