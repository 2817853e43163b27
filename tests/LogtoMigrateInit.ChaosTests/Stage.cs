using LogtoMigrateInit.Fixtures;
using Npgsql;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>
/// One server, which a schedule has for itself while it runs: a template that Logto 1.40.1 has seeded as an ordinary owner, with rows of
/// ours in it, and what an undisturbed migration of it gives.
/// </summary>
internal sealed class Stage : IAsyncDisposable
{
    public const string Owner = "chaos_owner";
    public const string OwnerPassword = "0wner's";

    private const string Template = "chaos_template";
    private static readonly LogtoRelease From = new("1.40.1");

    private const string Rows = """
        insert into users (tenant_id, id, username, name) select 'default', 'chaos' || n, 'chaos-' || n, md5(n::text) from generate_series(1, 600) n;
        insert into logs (tenant_id, id, key, payload) select 'default', 'chaos' || n, 'chaos', jsonb_build_object('n', n) from generate_series(1, 3000) n;
        insert into service_logs (tenant_id, id, type, payload) select 'default', 'chaos' || n, 'chaos', jsonb_build_object('n', n) from generate_series(1, 1000) n;
        insert into oidc_model_instances (tenant_id, model_name, id, payload, expires_at)
          select 'default', 'Grant', 'chaos' || n, jsonb_build_object('accountId', 'chaos' || n), now() + interval '1 year' from generate_series(1, 1000) n;
        """;

    private Stage(PostgresServer server, LogtoInstallation judge) => (Server, Judge) = (server, judge);

    public PostgresServer Server { get; }

    /// <summary>An installation that no gate uses, which says whether Logto would start.</summary>
    public LogtoInstallation Judge { get; }

    public Baseline Baseline { get; private set; } = null!;

    public static async Task<Stage> OpenAsync(int major, CancellationToken cancellationToken)
    {
        var server = await PostgresServer.StartAsync(major, StatementLog.Settings, cancellationToken);
        var judge = await LogtoRelease.Newest.CopyAsync(cancellationToken);
        var stage = new Stage(server, judge);
        try
        {
            await server.CreateUserAsync(Owner, OwnerPassword, "createrole", cancellationToken);
            await server.CreateDatabaseAsync(Template, Owner, cancellationToken);
            await From.SeedAsync(server.Url(Template, Owner, OwnerPassword), cancellationToken);
            await server.ExecuteAsync(Template, $"{Rows} set role {Owner}; {Stretch.Ledger}", cancellationToken);
            await Stretch.AddToAsync(judge, Enumerable.Repeat(TimeSpan.Zero, Stretch.Delays).ToList(), cancellationToken);
            stage.Baseline = await stage.MeasureAsync(cancellationToken);
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    /// <summary>A database of its own, as it is before the migration.</summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var name = await Server.CloneDatabaseAsync(Template, cancellationToken: cancellationToken);
        await Server.ExecuteAsync("postgres", $"alter database {name} owner to {Owner}", cancellationToken);
        return name;
    }

    public async Task DropDatabaseAsync(string database, CancellationToken cancellationToken)
    {
        await Server.ExecuteAsync("postgres", $"drop database {database} with (force)", cancellationToken);
        await Server.ExecuteAsync("postgres", $"drop role logto_tenant_{database}", cancellationToken);
    }

    /// <summary>Asks again while the server restarts.</summary>
    public static async Task<T> WhenUpAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (NpgsqlException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
            }
        }
    }

    public string Url(string database) => Server.Url(database, Owner, OwnerPassword);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Judge.DisposeAsync();
    }

    private async Task<Baseline> MeasureAsync(CancellationToken cancellationToken)
    {
        var database = await CreateDatabaseAsync(cancellationToken);
        var tables = await Contents.TablesAsync(Server, database, cancellationToken);
        var before = await Contents.ReadAsync(Server, database, tables, cancellationToken);
        await Judge.CliAsync(Url(database), ["db", "alteration", "deploy", "next"], cancellationToken);
        var after = await Contents.ReadAsync(Server, database, tables, cancellationToken);
        await DropDatabaseAsync(database, cancellationToken);
        return new Baseline(tables, before, after);
    }
}
