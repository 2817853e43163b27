using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// How a run ends with odd values of the variables: empty, huge, negative, of a wrong type. Which values those with a fixed set take is
/// in the unit tests. The database matches, so that what is accepted ends with 0.
/// </summary>
public sealed class VariableSpecs(SharedServers servers)
{
    private const int WrongUsage = 2;
    private const int Unreachable = 3;
    private const int RefusedByServer = 4;
    private const int UnusableTarget = 11;

    /// <summary>Linux takes up to 128 KiB in one variable.</summary>
    private static readonly string Huge = new('9', 100_000);

    /// <summary>Variables that take any text, and how a run with this one ends.</summary>
    public static TheoryData<string, string, int> Texts =>
        new()
        {
            { "LOGTO_INIT_LOGTO_DIR", "-1", UnusableTarget },
            { "LOGTO_INIT_LOGTO_DIR", "/", UnusableTarget },
            { "LOGTO_INIT_LOGTO_DIR", "/dev/null", UnusableTarget },
            { "LOGTO_INIT_LOGTO_DIR", "huge", UnusableTarget },
            { "LOGTO_INIT_EXPECTED_VERSION", "", 0 },
            { "LOGTO_INIT_EXPECTED_VERSION", "1.43.0", 0 },
            { "LOGTO_INIT_EXPECTED_VERSION", "-1", UnusableTarget },
            { "LOGTO_INIT_EXPECTED_VERSION", "1.43", UnusableTarget },
            { "LOGTO_INIT_EXPECTED_VERSION", "huge", UnusableTarget },
            { "LOGTO_INIT_TERMINATION_LOG", "", 0 },
            { "LOGTO_INIT_TERMINATION_LOG", "-1", 0 },
            { "LOGTO_INIT_TERMINATION_LOG", "/", 0 },
            { "LOGTO_INIT_TERMINATION_LOG", "/dev/null", 0 },
            { "LOGTO_INIT_TERMINATION_LOG", "huge", 0 },
            { "LOGTO_INIT_NODE", "", 0 },
            { "LOGTO_INIT_NODE", "-1", 0 },
            { "LOGTO_INIT_NODE", "/", 0 },
            { "LOGTO_INIT_NODE", "huge", 0 },
            { "DB_URL", "", WrongUsage },
            { "DB_URL", "-1", WrongUsage },
            { "DB_URL", "huge", WrongUsage },
            { "DB_URL", "true", WrongUsage },
            { "DB_URL_FILE", "", 0 },
            { "DB_URL_FILE", "-1", WrongUsage },
            { "PGOPTIONS", "", 0 },
            { "PGOPTIONS", "-c work_mem=8MB", 0 },
            { "PGOPTIONS", "-1", RefusedByServer },
            { "PGOPTIONS", "-c work_mem=-1", RefusedByServer },
            { "PGOPTIONS", "nonsense", RefusedByServer },
            { "PGPORT", "-1", 0 },
            { "PGHOST", "-1", 0 },
            { "PGUSER", "-1", 0 },
            { "PGPASSWORD", "huge", 0 },
            { "NODE_EXTRA_CA_CERTS", "", 0 },
            { "NODE_EXTRA_CA_CERTS", "-1", 0 },
            { "NODE_EXTRA_CA_CERTS", "/", 0 },
            { "NODE_EXTRA_CA_CERTS", "huge", 0 },
            { "NODE_TLS_REJECT_UNAUTHORIZED", "", 0 },
            { "NODE_TLS_REJECT_UNAUTHORIZED", "-1", 0 },
            { "NODE_TLS_REJECT_UNAUTHORIZED", "huge", 0 },
        };

    [Fact(Timeout = 300_000)]
    public async Task Every_variable_that_does_not_take_a_value_is_named_at_once()
    {
        string[] names = ["LOGTO_INIT_SEED", "LOGTO_INIT_AHEAD", "LOGTO_INIT_LOG_FORMAT", "LOGTO_INIT_LOG_LEVEL", "LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "LOGTO_INIT_SEED_ARGUMENTS"];
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        var result = await world.CheckAsync([.. names.Select(name => (name, (string?)Huge))]);

        Expect(WrongUsage, result, "huge");
        Assert.All(names, name => Assert.Contains($"{name} ", FakeWorld.LastLine(result), StringComparison.Ordinal));
    }

    [Theory(Timeout = 300_000)]
    [MemberData(nameof(Texts))]
    public async Task Any_text_has_a_documented_ending(string name, string value, int exitCode)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        var result = await world.CheckAsync(("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "0"), (name, value == "huge" ? Huge : value));

        Expect(exitCode, result, $"{name}={value}");
        Assert.True(exitCode != WrongUsage || FakeWorld.LastLine(result).Contains(name, StringComparison.Ordinal), $"{result}");
    }

    [Fact(Timeout = 300_000)]
    public async Task An_empty_folder_is_the_one_of_Logtos_image()
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        var result = await world.CheckAsync(("LOGTO_INIT_LOGTO_DIR", ""));

        Expect(UnusableTarget, result, "");
        Assert.Contains("/etc/logto", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    public async Task An_empty_Node_is_the_one_of_the_path()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        Expect(0, await world.RunAsync("deploy", ("LOGTO_INIT_NODE", ""), ("PATH", $"{Path.GetDirectoryName(Repository.Node)}:/usr/bin:/bin")), "");
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    [Theory(Timeout = 300_000)]
    [InlineData("-1")]
    [InlineData("/")]
    [InlineData("/dev/null")]
    [InlineData("node --version")]
    [InlineData("huge")]
    public async Task A_Node_that_is_none_is_an_unusable_target_before_anything_is_touched(string value)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        Expect(UnusableTarget, await world.RunAsync("deploy", ("LOGTO_INIT_NODE", value == "huge" ? Huge : value)), value);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Theory(Timeout = 300_000)]
    [InlineData("-1")]
    [InlineData("/")]
    [InlineData("/dev/null")]
    [InlineData("/proc/self/mem")]
    [InlineData("huge")]
    public async Task A_file_without_a_URL_is_refused_by_its_variables_name(string value)
    {
        var result = await Gate.RunAsync(["check"], new Dictionary<string, string?> { ["DB_URL_FILE"] = value == "huge" ? Huge : value }, cancellationToken: FakeWorld.Token);

        Expect(WrongUsage, result, value);
        Assert.Contains("DB_URL_FILE", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("", Unreachable)]
    [InlineData("5433", Unreachable)]
    [InlineData("-1", WrongUsage)]
    [InlineData("0", WrongUsage)]
    [InlineData("65536", WrongUsage)]
    [InlineData("54.32", WrongUsage)]
    [InlineData("postgres", WrongUsage)]
    [InlineData("99999999999999999999", WrongUsage)]
    public async Task PGPORT_is_a_port_where_the_URL_has_none(string value, int exitCode)
    {
        var result = await Gate.RunAsync(
            ["check"],
            new Dictionary<string, string?> { ["DB_URL"] = "postgres://u:p@no-such-host.invalid/logto", ["PGPORT"] = value, ["LOGTO_INIT_CONNECT_TIMEOUT_SECONDS"] = "0", ["LOGTO_INIT_LOGTO_DIR"] = LogtoRelease.Newest.Directory },
            cancellationToken: FakeWorld.Token);

        Expect(exitCode, result, value);
        Assert.Contains(exitCode == WrongUsage ? "PGPORT" : $"no-such-host.invalid:{(value.Length == 0 ? "5432" : value)}", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("LOGTO_INIT_")]
    [InlineData("LOGTO_INIT_seed")]
    [InlineData("LOGTO_INIT_BACKUP_DIRECTORY")]
    [InlineData("LOGTO_INIT_SERVICE_HOSTS")]
    [InlineData("LOGTO_INIT_PORT_80_TCPX")]
    public async Task An_unknown_variable_is_refused_by_its_name_even_when_it_is_empty(string name)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);

        var result = await world.CheckAsync((name, ""));

        Expect(WrongUsage, result, name);
        Assert.Contains($"{name} is unknown", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    private static void Expect(int exitCode, GateResult result, string given) =>
        Assert.True(result.ExitCode == exitCode, $"{Cut(given)}: expected {exitCode}, {Cut($"{result}")}");

    private static string Cut(string text) => text.Length <= 2000 ? text : text[..2000] + "…";
}
