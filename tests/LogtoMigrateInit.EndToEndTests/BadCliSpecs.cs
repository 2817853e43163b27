using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A target or a CLI that does not do what it should.</summary>
public sealed class BadCliSpecs(SharedServers servers)
{
    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task Exit_code_0_without_a_deploy_is_no_success()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("nothing");

        Assert.Equal(7, result.ExitCode);
        Assert.Contains("3 alterations are still pending", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_failure_half_way_says_how_far_it_came_and_which_one_failed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("fail-half-way");

        Assert.Equal(6, result.ExitCode);
        foreach (var text in new[] { "1 of 3", "1.42.0-1784620000-third.js", "relation \"nowhere\" does not exist", "exit code 1", "start again" })
        {
            Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.Equal(1782375106, await world.StateAsync());
        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData("hang")]
    [InlineData("hang-in-database")]
    public async Task A_CLI_that_hangs_is_ended_by_the_deploy_timeout(string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync(mode, ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "2"));

        Assert.Equal(6, result.ExitCode);
        Assert.Contains("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Contains("0 of 3", FakeWorld.LastLine(result), StringComparison.Ordinal);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task A_stubborn_CLI_is_killed()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync("hang", ("FAKE_CLI_STUBBORN", "1"), ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "1"));

        Assert.Equal(6, result.ExitCode);
        await world.RecoversAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task No_secret_is_in_an_argument()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        await world.RunAsync();

        var run = Assert.Single(await world.Cli.RunsAsync(FakeWorld.Token));
        Assert.Equal(["db", "alteration", "deploy", "next"], run.Arguments);
        Assert.DoesNotContain("postgres", string.Join(' ', run.ExecArguments), StringComparison.Ordinal);
        Assert.Equal(("", "", "DISABLE_TIMEOUT", "0"), (run.Variables["CI"], run.Variables["ALTERATION_TEST"], run.Variables["DATABASE_STATEMENT_TIMEOUT"], run.Variables["FORCE_COLOR"]));
        Assert.Contains("tcp_keepalives_idle=10", run.Variables["PGOPTIONS"], StringComparison.Ordinal);
        Assert.Contains("client_connection_check_interval", run.Variables["PGOPTIONS"], StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("too-many-connections")]
    [InlineData("no-answer")]
    public async Task A_server_that_is_full_or_too_busy_to_answer_is_tried_again(string mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        var result = await world.RunAsync(mode, ("FAKE_CLI_FAILURES", "2"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(3, (await world.Cli.RunsAsync(FakeWorld.Token)).Count);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task An_empty_catalog_is_never_nothing_pending()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        Directory.Delete(world.Cli.AlterationsDirectory, recursive: true);
        Directory.CreateDirectory(world.Cli.AlterationsDirectory);

        await EndsWith11Async(world, "holds no alteration");
        Directory.Delete(world.Cli.AlterationsDirectory);
        await EndsWith11Async(world, "alterations-js");
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_missing_CLI_or_Node_or_another_version_is_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await EndsWith11Async(world, "LOGTO_INIT_NODE", ("LOGTO_INIT_NODE", "/does/not/exist/node"));
        await EndsWith11Async(world, "1.99.0", ("LOGTO_INIT_EXPECTED_VERSION", "1.99.0"));
        await EndsWith11Async(world, "LOGTO_INIT_LOGTO_DIR", ("LOGTO_INIT_LOGTO_DIR", "/usr"));
        File.Delete(Path.Combine(world.Cli.CliDirectory, "bin", "logto.js"));
        await EndsWith11Async(world, "logto.js");
        await File.WriteAllTextAsync(Path.Combine(world.Cli.CliDirectory, "package.json"), """{ "version": "" }""", FakeWorld.Token);
        await EndsWith11Async(world, "does not have the version");
    }

    [Fact(Timeout = 300_000)]
    public async Task A_name_that_the_CLI_stops_at_is_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await File.WriteAllTextAsync(Path.Combine(world.Cli.AlterationsDirectory, "next-1751529530394-milliseconds.js"), "", FakeWorld.Token);

        await EndsWith11Async(world, "next-1751529530394-milliseconds.js");
    }

    [Fact(Timeout = 300_000)]
    public async Task The_expected_version_passes()
    {
        await using var world = await FakeWorld.CreateAsync(servers);

        Assert.Equal(0, (await world.RunAsync("deploy", ("LOGTO_INIT_EXPECTED_VERSION", "1.43.0"))).ExitCode);
        Assert.Equal(FakeWorld.After, await world.StateAsync());
    }

    private static async Task EndsWith11Async(FakeWorld world, string text, params (string Name, string? Value)[] more)
    {
        var result = await world.RunAsync("deploy", more);
        Assert.Equal(11, result.ExitCode);
        Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }
}
