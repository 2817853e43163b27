using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The gate finds the target in either layout, and reads its file names as the CLI does.</summary>
public sealed class LayoutSpecs(SharedServers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 900_000)]
    [InlineData("1.40.1")]
    [InlineData("1.43.0")]
    public async Task The_layout_of_the_image_is_understood(string to)
    {
        var release = new LogtoRelease(to);
        var (server, database) = await servers.SeededAsync(18, LogtoRelease.Oldest, Token);
        await using var scenario = new LogtoWorld(server, database, await release.ToImageLayoutAsync(Token));

        Expect.Ending(Expect.Pending, await scenario.RunAsync("check"));
        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate"));

        Assert.Equal(release.LastTimestamp, await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Fact(Timeout = 900_000)]
    public async Task Schemas_nested_in_the_cli_package_are_found()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, new LogtoRelease("1.42.0"), LogtoRelease.Newest);
        var scope = Directory.CreateDirectory(Path.Combine(scenario.Target.CliDirectory, "node_modules", "@logto")).FullName;
        Directory.Move(scenario.Target.SchemasDirectory, Path.Combine(scope, "schemas"));

        // Its siblings import it too, and npm would nest them with it.
        Directory.CreateSymbolicLink(Path.Combine(scope, "connector-kit"), Path.Combine(scenario.Target.CliDirectory, "..", "connector-kit"));

        Expect.Ending(Expect.Success, await scenario.RunAsync("migrate"));
        Assert.Equal(LogtoRelease.Newest.LastTimestamp, await scenario.StateAsync());
    }

    [Theory(Timeout = 900_000)]
    [InlineData("1899999998.1", "1.44.0-1899999998-a.js", "1.44.0-1899999998.1-b.js")]
    [InlineData("1899999999", "1.44.0-1899999998.1-b.js", "next-1899999999-a.js")]
    [InlineData("1899999999", "1.44.0_rc.0-1899999997-a.js", "1.44.0_beta.10-1899999999.js")]
    [InlineData("1899999997", "next-1899999995-a.js", "1.44.0-1899999996-b.js", "next-1899999997-c.js")]
    public async Task File_names_are_read_as_the_CLI_reads_them(string state, params string[] fileNames)
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, LogtoRelease.Newest);
        foreach (var fileName in fileNames)
        {
            await scenario.Target.AddAlterationAsync(fileName, cancellationToken: Token);
        }

        Assert.Equal(fileNames.Length, (await scenario.PreconditionsAsync()).Undeployed);
        var result = await scenario.RunAsync("migrate");

        Expect.Ending(Expect.Success, result);
        Expect.LogContains($"{fileNames.Length} of the {LogtoRelease.Newest.AlterationCount + fileNames.Length} ", result);
        Assert.Equal(decimal.Parse(state, CultureInfo.InvariantCulture), await scenario.StateAsync());
        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
    }

    [Fact(Timeout = 600_000)]
    public async Task Files_that_are_no_alterations_count_for_nothing()
    {
        await using var scenario = await LogtoWorld.CreateAsSuperuserAsync(servers, 18, LogtoRelease.Newest, LogtoRelease.Newest);
        await scenario.Target.AddAlterationAsync(Path.Combine("utils", "1899999999-helper.js"), cancellationToken: Token);
        await scenario.Target.AddAlterationAsync("README.md", cancellationToken: Token);
        await scenario.Target.AddAlterationAsync("1.44.0-1899999999-source.ts", cancellationToken: Token);

        Assert.True((await scenario.PreconditionsAsync()).WouldStart);
        Expect.Ending(Expect.Success, await scenario.RunAsync("check"));
    }
}
