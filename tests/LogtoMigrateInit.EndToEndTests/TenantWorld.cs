using LogtoMigrateInit.Fixtures;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A database whose tenants have roles, and the gate before it; no run of the gate may show one of their passwords.</summary>
internal sealed class TenantWorld(PostgresServer server, string database, string directory, string url, IAsyncDisposable? installation) : IAsyncDisposable
{
    private const string Owner = "logto_owner";
    private const string OwnersPassword = "owner";

    /// <summary>A database as the real CLI seeds it for an ordinary owner, who may make databases and roles.</summary>
    public static async Task<TenantWorld> SeedAsync(SharedServers servers, int major, LogtoRelease from, LogtoRelease to, string? rollback = null)
    {
        var server = await servers.GetAsync(major);
        await server.ExecuteAsync(
            "postgres",
            $"do $$ begin create role {Owner} login password '{OwnersPassword}' createdb createrole; exception when duplicate_object or unique_violation then null; end $$",
            FakeWorld.Token);
        var database = PostgresDatabases.UniqueName();
        await servers.SeedAsync(server, database, Owner, from, rollback, cancellationToken: FakeWorld.Token);
        await server.ExecuteAsync(database, $"grant create on schema public to {Owner}", FakeWorld.Token);
        var target = await to.CopyAsync(FakeWorld.Token);
        return new TenantWorld(server, database, target.Directory, server.Url(database, Owner, OwnersPassword), target);
    }

    /// <summary>A small matching database with the two tenants of an installation of one's own.</summary>
    public static async Task<TenantWorld> CreateAsync(SharedServers servers, int major)
    {
        var server = await servers.GetAsync(major);
        var database = await FakeCli.CreateDatabaseAsync(server, FakeWorld.After, FakeWorld.Token);
        await server.ExecuteAsync(
            database,
            $"""
            create table service_logs (id int);
            """,
            FakeWorld.Token);
        var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        return new TenantWorld(server, database, cli.Directory, server.Url(database), cli);
    }

    public PostgresServer Server => server;

    public string Database => database;

    public string Role(string tenant) => $"logto_tenant_{database}_{tenant}";

    public Task<decimal> StateAsync() => server.StateAsync(database, FakeWorld.Token);

    public Task<GateResult> RunAsync(params string[] arguments) => RunAsync(arguments[0], ("DB_URL", url), arguments[1..]);

    public Task<GateResult> RunAsync(string command, (string Name, string? Value) variable, params string[] more) => RunWithAsync([command, .. more], variable);

    public async Task<GateResult> RunWithAsync(string[] arguments, params (string Name, string? Value)[] more)
    {
        var variables = new Dictionary<string, string?> { ["LOGTO_INIT_LOGTO_DIR"] = directory, ["DB_URL"] = url };
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        var result = await Gate.RunAsync(arguments, variables, cancellationToken: FakeWorld.Token);
        foreach (var password in await server.QueryAsync<string>(database, "select db_user_password from tenants where db_user_password is not null", FakeWorld.Token))
        {
            Assert.DoesNotContain(password, $"{result}", StringComparison.Ordinal);
        }

        return result;
    }

    /// <summary>What a restore on another cluster finds: the rows, and neither the roles nor what was granted to them.</summary>
    public async Task ForgetRolesAsync()
    {
        foreach (var role in new[] { Role("admin"), Role("default"), $"logto_tenant_{database}" })
        {
            await server.ExecuteAsync(database, $"drop owned by {role}; drop role {role}", FakeWorld.Token);
        }
    }

    public async Task<TenantWorld> CloneAsync(string prefix = "clone")
    {
        var name = PostgresDatabases.UniqueName(prefix);
        await server.ExecuteAsync("postgres", $"create database \"{name}\" template {database} owner {Owner}", FakeWorld.Token);
        return new TenantWorld(server, name, directory, server.Url(name, Owner, OwnersPassword), null);
    }

    /// <summary>Runs the command that the last line names, as the owner unless told otherwise.</summary>
    /// <param name="refused">The run that names it.</param>
    /// <param name="exitCode">16 where the fake CLI cannot seed a schema to compare with; 12 while alterations are pending.</param>
    /// <param name="asSuperuser">As the superuser instead.</param>
    public async Task<GateResult> RepairAsync(GateResult refused, int exitCode = Expect.Success, bool asSuperuser = false)
    {
        Assert.Contains("run `logto-migrate-init repair`", FakeWorld.LastLine(refused), StringComparison.Ordinal);
        var result = await RunWithAsync(["repair", "--yes"], ("DB_URL", asSuperuser ? server.Url(database) : url));
        Expect.Ending(exitCode, result);
        return result;
    }

    /// <summary>As each tenant's role, with the password of the table: all tables are open but three, and only the tenant's own rows show.</summary>
    public async Task AssertTenantsCanWorkAsync()
    {
        foreach (var tenant in new[] { "admin", "default" })
        {
            var password = await server.QuerySingleAsync<string>(database, $"select db_user_password from tenants where id = '{tenant}'", FakeWorld.Token);
            var user = await server.QuerySingleAsync<string>(database, $"select db_user from tenants where id = '{tenant}'", FakeWorld.Token);
            await using var connection = new NpgsqlConnection(ConnectionString(user, password));
            await connection.OpenAsync(FakeWorld.Token);
            var tables = await server.QueryAsync<string>(
                database, "select tablename::text from pg_tables where schemaname = 'public' and tablename not in ('systems', 'tenants', 'service_logs')", FakeWorld.Token);
            Assert.True(tables.Count > 60);
            foreach (var table in tables)
            {
                await using var write = new NpgsqlCommand($"begin; select * from {table}; update {table} set tenant_id = tenant_id; delete from {table}; rollback", connection);
                await write.ExecuteNonQueryAsync(FakeWorld.Token);
            }

            await using var read = new NpgsqlCommand("select string_agg(distinct tenant_id, ',') from resources", connection);
            Assert.Equal(tenant, await read.ExecuteScalarAsync(FakeWorld.Token));
            await using var suspended = new NpgsqlCommand("select tag::text from tenants where not is_suspended", connection);
            Assert.NotNull(await suspended.ExecuteScalarAsync(FakeWorld.Token));
            await using var systems = new NpgsqlCommand("select * from systems", connection);
            await Assert.ThrowsAsync<PostgresException>(() => systems.ExecuteNonQueryAsync(FakeWorld.Token));
        }
    }

    /// <summary>Runs SQL as the superuser, with the names of this database, its owner, and the roles of its tenants <c>default</c> and <c>admin</c>.</summary>
    public Task AlterAsync(string sql) => server.ExecuteAsync(
        database,
        sql.Replace("$role", Role("default"), StringComparison.Ordinal).Replace("$other", Role("admin"), StringComparison.Ordinal)
            .Replace("$parent", $"logto_tenant_{database}", StringComparison.Ordinal).Replace("$database", database, StringComparison.Ordinal)
            .Replace("$owner", Owner, StringComparison.Ordinal),
        FakeWorld.Token);

    /// <summary>A connection as the role of a tenant; the caller closes it.</summary>
    public async Task<NpgsqlConnection> ConnectAsAsync(string tenant)
    {
        var password = await server.QuerySingleAsync<string>(database, $"select db_user_password from tenants where id = '{tenant}'", FakeWorld.Token);
        var connection = new NpgsqlConnection(ConnectionString(Role(tenant), password));
        await connection.OpenAsync(FakeWorld.Token);
        return connection;
    }

    public ValueTask DisposeAsync() => installation?.DisposeAsync() ?? ValueTask.CompletedTask;

    private string ConnectionString(string user, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = server.Port,
        Username = user,
        Password = password,
        Database = database,
        Pooling = false,
    }.ConnectionString;
}
