using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>What would fail half way is found before anything is begun.</summary>
public sealed class PreflightSpecs(SharedServers servers)
{
    [Fact(Timeout = 300_000)]
    public async Task A_role_that_no_pending_alteration_needs_is_not_asked_for()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        await world.Server.ExecuteAsync("postgres", $"alter role \"logto_tenant_{world.Database}\" rename to \"logto_tenant_before_{world.Database}\"", FakeWorld.Token);

        Assert.Equal(0, (await world.RunAsync()).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task Tables_of_another_owner_are_named()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = $"other_{world.Database}";
        await world.Server.CreateUserAsync(user, "pw", cancellationToken: FakeWorld.Token);
        await world.Server.ExecuteAsync(world.Database, $"grant select on systems to {user}; grant create on schema public to {user}", FakeWorld.Token);

        var result = await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database, user, "pw")));

        Assert.Equal(14, result.ExitCode);
        foreach (var text in new[] { "does not own 8 tables", "applications", user })
        {
            Assert.Contains(text, FakeWorld.LastLine(result), StringComparison.Ordinal);
        }

        Assert.Empty(await world.Cli.RunsAsync(FakeWorld.Token));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_member_of_the_owning_role_may_deploy()
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var user = $"member_{world.Database}";
        await world.Server.CreateUserAsync(user, "pw", "in role postgres", FakeWorld.Token);

        Assert.Equal(0, (await world.RunAsync("deploy", ("DB_URL", world.Server.Url(world.Database, user, "pw")))).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task Roles_left_by_an_earlier_database_are_named_before_a_seed()
    {
        var server = await servers.GetAsync(17);
        var name = PostgresDatabases.UniqueName();
        await server.ExecuteAsync("postgres", $"create role logto_tenant_{name}_admin", FakeWorld.Token);

        var result = await SeedAsync(server.Url(name), "create");

        Assert.Equal(14, result.ExitCode);
        Assert.Contains($"logto_tenant_{name}_admin", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)]
    [Trait("Run", "quick")]
    public async Task A_user_that_may_not_create_roles_cannot_seed()
    {
        var server = await servers.GetAsync(17);
        var user = PostgresDatabases.UniqueName();
        await server.CreateUserAsync(user, "pw", "createdb", FakeWorld.Token);

        var result = await SeedAsync(server.Url(user, user, "pw"), "create");

        Assert.Equal(14, result.ExitCode);
        Assert.Contains("createrole", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("MixCase")]
    [InlineData("with.dot")]
    public async Task A_name_that_cannot_be_seeded_is_refused_before_it_is_created(string name)
    {
        var server = await servers.GetAsync(17);

        var result = await SeedAsync(server.Url(name), "create");

        Assert.Equal(14, result.ExitCode);
        Assert.Contains(name, FakeWorld.LastLine(result), StringComparison.Ordinal);
        Assert.False(await server.DatabaseExistsAsync(name, FakeWorld.Token));
    }

    [Theory(Timeout = 300_000)]
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

    [Theory(Timeout = 300_000)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserExecute)]
    [InlineData(UnixFileMode.None)]
    public async Task So_is_one_that_cannot_even_be_looked_into(UnixFileMode mode)
    {
        await using var world = await FakeWorld.CreateAsync(servers);
        var scratch = Directory.CreateDirectory(Path.Combine(world.Cli.CliDirectory, "alteration-scripts")).FullName;
        File.SetUnixFileMode(scratch, mode);

        var result = await UnprivilegedUser.RunGateAsync(world, FakeWorld.Token);
        File.SetUnixFileMode(scratch, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // so that it can be deleted

        Assert.Equal(11, result.ExitCode);
        Assert.Contains("alteration-scripts", result.StandardError, StringComparison.Ordinal);
        Assert.Equal(FakeWorld.Before, await world.StateAsync());
    }

    [Fact(Timeout = 300_000)]
    public async Task A_seed_into_another_schema_than_public_is_refused_before_it_fails_half_way()
    {
        var server = await servers.GetAsync(17);
        var user = PostgresDatabases.UniqueName("own");
        await server.CreateUserAsync(user, "pw", "createrole", FakeWorld.Token);
        var database = await server.CreateDatabaseAsync(owner: user, cancellationToken: FakeWorld.Token);
        await server.ExecuteAsync(database, $"create schema {user} authorization {user}", FakeWorld.Token);

        var refused = await SeedAsync(server.Url(database, user, "pw"), "true");

        Assert.Equal(14, refused.ExitCode);
        var remedy = $"alter role \"{user}\" in database \"{database}\" set search_path = public";
        Assert.Contains($"`{remedy}`", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        await server.ExecuteAsync("postgres", remedy, FakeWorld.Token);
        await server.ExecuteAsync(database, $"grant create on schema public to {user}", FakeWorld.Token);
        Expect.Ending(Expect.Success, await SeedAsync(server.Url(database, user, "pw"), "true"));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_seed_beside_an_extensions_tables_is_refused_before_it_ends_in_a_Logto_that_refuses_to_start()
    {
        var server = await servers.GetAsync(17);
        var database = await server.CreateDatabaseAsync(cancellationToken: FakeWorld.Token);
        await server.ExecuteAsync(database, "create table spatial_ref_sys (); alter extension plpgsql add table spatial_ref_sys", FakeWorld.Token);

        var result = await SeedAsync(server.Url(database), "true");

        Assert.Equal(14, result.ExitCode);
        Assert.Contains("spatial_ref_sys", FakeWorld.LastLine(result), StringComparison.Ordinal);
    }

    private static async Task<GateResult> SeedAsync(string url, string seed)
    {
        await using var target = await LogtoRelease.Newest.CopyAsync(FakeWorld.Token);
        var variables = Variables(url, target.Directory);
        variables["LOGTO_INIT_SEED"] = seed;
        return await Gate.RunAsync([], variables, cancellationToken: FakeWorld.Token);
    }

    private static Dictionary<string, string?> Variables(string url, string directory) => new() { ["DB_URL"] = url, ["LOGTO_INIT_LOGTO_DIR"] = directory };
}
