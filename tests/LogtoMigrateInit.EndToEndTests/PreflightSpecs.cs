using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What would fail half way is found before anything is begun.</summary>
public sealed class PreflightSpecs(SharedServers servers)
{
    [Fact(Timeout = 120_000)]
    public async Task A_clone_without_its_role_is_refused_until_the_named_role_is_there()
    {
        var (server, seeded) = await servers.SeededAsync(17, new LogtoRelease("1.42.0"), FakeWorld.Token);
        var clone = await server.CloneDatabaseAsync(seeded, withRole: false, FakeWorld.Token);
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var variables = Variables(server.Url(clone), target.Directory);

        var refused = await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
        Assert.Equal(14, refused.ExitCode);
        Assert.Contains($"create role \"logto_tenant_{clone}\" noinherit", FakeWorld.LastLine(refused), StringComparison.Ordinal);

        await server.ExecuteAsync("postgres", $"create role \"logto_tenant_{clone}\" noinherit", FakeWorld.Token);
        Assert.Equal(0, (await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token)).ExitCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_role_that_no_pending_alteration_needs_is_not_asked_for()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"drop role \"logto_tenant_{world.Database}\"", FakeWorld.Token);

        Assert.Equal(0, (await world.RunAsync()).ExitCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task Tables_of_another_owner_are_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = $"other_{world.Database}";
        await world.Server.CreateUserAsync(user, "pw", cancellationToken: FakeWorld.Token);
        await world.Server.ExecuteAsync(world.Database, $"grant select on systems to {user}; grant create on schema public to {user}", FakeWorld.Token);

        var result = await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database, user, "pw")));

        Assert.Equal(14, result.ExitCode);
        foreach (var text in new[] { "does not own 4 tables", "applications", user })
        {
            Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.Empty(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Fact(Timeout = 60_000)]
    public async Task A_member_of_the_owning_role_may_deploy()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = $"member_{world.Database}";
        await world.Server.CreateUserAsync(user, "pw", "in role postgres", FakeWorld.Token);

        Assert.Equal(0, (await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database, user, "pw")))).ExitCode);
    }

    [Fact(Timeout = 60_000)]
    public async Task Roles_left_by_an_earlier_database_are_named_before_a_seed()
    {
        var server = await servers.GetAsync(17);
        var name = PostgresDatabases.UniqueName();
        await server.ExecuteAsync("postgres", $"create role logto_tenant_{name}_admin", FakeWorld.Token);

        var result = await SeedAsync(server.Url(name));

        Assert.Equal(14, result.ExitCode);
        Assert.Contains($"logto_tenant_{name}_admin", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_user_that_may_not_create_roles_cannot_seed()
    {
        var server = await servers.GetAsync(17);
        var user = PostgresDatabases.UniqueName();
        await server.CreateUserAsync(user, "pw", "createdb", FakeWorld.Token);

        var result = await SeedAsync(server.Url(user, user, "pw"));

        Assert.Equal(14, result.ExitCode);
        Assert.Contains("createrole", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 60_000)]
    [InlineData("MixCase")]
    [InlineData("with.dot")]
    public async Task A_name_that_cannot_be_seeded_is_refused_before_it_is_created(string name)
    {
        var server = await servers.GetAsync(17);

        var result = await SeedAsync(server.Url(name));

        Assert.Equal(14, result.ExitCode);
        Assert.Contains(name, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.False(await server.DatabaseExistsAsync(name, FakeWorld.Token));
    }

    [Theory(Timeout = 60_000)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserExecute)]
    [InlineData(UnixFileMode.None)]
    public async Task A_scratch_folder_that_is_not_writable_is_exit_code_11(UnixFileMode mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var scratch = Directory.CreateDirectory(Path.Combine(world.Cli.CliDirectory, "alteration-scripts", "utils")).FullName;
        await File.WriteAllTextAsync(Path.Combine(scratch, "1.js"), "", FakeWorld.Token);
        var usual = File.GetUnixFileMode(scratch);
        File.SetUnixFileMode(scratch, mode);

        var result = await UnprivilegedUser.RunGateAsync(world, FakeWorld.Token);
        File.SetUnixFileMode(scratch, usual); // so that it can be deleted

        Assert.Equal(11, result.ExitCode);
        Assert.Contains("alteration-scripts", result.StandardError, StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    private static async Task<GateResult> SeedAsync(string url)
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var variables = Variables(url, target.Directory);
        variables["LOGTO_INIT_SEED"] = "true";
        return await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
    }

    private static Dictionary<string, string?> Variables(string url, string directory) => new() { ["DB_URL"] = url, ["LOGTO_INIT_LOGTO_DIR"] = directory };
}
