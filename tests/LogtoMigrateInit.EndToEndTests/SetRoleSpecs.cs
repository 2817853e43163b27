using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// Short-lived users that share an owner, as Vault makes them: <c>alter role … set role …</c> makes each one work as that owner, and the
/// server lets the owner neither see nor end their sessions.
/// </summary>
public sealed class SetRoleSpecs(SharedServers servers)
{
    private static CancellationToken Token => FakeWorld.Token;

    [Theory(Timeout = 300_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task A_signal_during_a_deploy_of_such_a_user_ends_the_CLI_and_its_sessions(int major)
    {
        await using var world = await FakeWorld.CreateAsync(servers.GetAsync(major));
        var url = await UrlOfShortLivedUserAsync(world.Server, world.Database, await world.Server.CreateOwnerAsync(world.Database, Token));
        await using var gate = world.Start("hang-in-database", ("DB_URL", url));
        await gate.WaitForLineAsync("to deploy", cancellationToken: Token);

        gate.Signal(Signals.Terminate);

        Assert.Equal(143, (await gate.WaitForExitAsync(cancellationToken: Token)).ExitCode);
        await world.LeavesNothingAsync();
        await world.RecoversAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task A_restore_by_such_a_user_ends_the_sessions_of_Logto(int major)
    {
        await using var world = await BackupWorld.CreateAsync(servers, major);
        var url = await UrlOfShortLivedUserAsync(world.Server, world.Database, world.Owner);
        var dump = await world.BackUpAsync(("DB_URL", url));
        var logto = await world.OpenAsync($"user_of_{world.Owner}", PostgresDatabases.OwnerPassword);
        try
        {
            var result = await world.RunAsync(["restore", dump, "--yes"], ("DB_URL", url));

            Expect.Ending(Expect.Success, result);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => logto.QueryAsync<int>("select 1", Token));
        }
        finally
        {
            await logto.DisposeAsync();
        }

        await world.LeavesNothingAsync();
    }

    private static async Task<string> UrlOfShortLivedUserAsync(PostgresServer server, string database, string owner)
    {
        var user = $"user_of_{owner}";
        await server.CreateUserAsync(user, PostgresDatabases.OwnerPassword, "", Token);
        await server.ExecuteAsync(database, $"grant {owner} to {user}; alter role {user} set role {owner}", Token);
        return server.Url(database, user, PostgresDatabases.OwnerPassword);
    }
}
