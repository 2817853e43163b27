using System.Text.RegularExpressions;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The SQL that the pages give to operators.</summary>
public sealed partial class SecuritySpecs
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 1_200_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task The_role_of_the_page_may_what_it_says_and_no_more(int major)
    {
        await using var server = await PostgresServer.StartAsync(major, cancellationToken: Token);
        var statements = await SqlOfAsync("security.md");
        Assert.Equal(4, statements.Count);
        await using var old = await new LogtoRelease("1.40.1").CopyAsync(Token);
        await using var target = await LogtoRelease.Newest.CopyAsync(Token);
        Task<GateResult> RunAsync(LogtoInstallation installation, string command, params (string Name, string? Value)[] more) => Gate.RunAsync(
            [command],
            new Dictionary<string, string?>(more.ToDictionary(each => each.Name, each => each.Value))
            {
                ["DB_URL"] = server.Url("logto", "logto", "choose-another"),
                ["LOGTO_INIT_LOGTO_DIR"] = installation.Directory,
                ["LOGTO_INIT_PG_BIN"] = PostgresClients.For(major),
            },
            cancellationToken: Token);

        foreach (var statement in statements[0].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            await server.ExecuteAsync("postgres", statement, Token);
        }

        Expect.Ending(Expect.Success, await RunAsync(old, "migrate", ("LOGTO_INIT_SEED", "true")));

        await server.ExecuteAsync("postgres", statements[1], Token);
        Expect.Ending(16, await RunAsync(target, "rehearse"));
        Expect.Ending(Expect.Success, await RunAsync(target, "migrate"));

        await server.ExecuteAsync("postgres", statements[2], Token);
        var drift = await Gate.RunAsync(
            ["check", "--drift"],
            new Dictionary<string, string?> { ["DB_URL"] = server.Url("logto", "logto", "choose-another"), ["LOGTO_INIT_LOGTO_DIR"] = target.Directory, ["LOGTO_INIT_PG_BIN"] = PostgresClients.For(major) },
            cancellationToken: Token);
        Expect.Ending(Expect.Success, drift);
        await server.ExecuteAsync("postgres", statements[3], Token);
    }

    [Fact(Timeout = 600_000)]
    public async Task Every_query_of_the_pages_can_be_pasted()
    {
        await using var server = await PostgresServer.StartAsync(17, cancellationToken: Token);
        var database = await FakeCli.CreateDatabaseAsync(server, FakeWorld.Before, Token);
        foreach (var query in (await SqlOfAsync("exit-codes.md")).Concat(await SqlOfAsync(Path.Combine("zh-CN", "exit-codes.md"))))
        {
            await server.ExecuteAsync(database, query, Token);
        }
    }

    private static async Task<IReadOnlyList<string>> SqlOfAsync(string page) =>
        [.. Block().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", page), Token)).Select(block => block.Groups[1].Value)];

    [GeneratedRegex(@"\n```sql\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
