using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>A real Logto database, an installation of the newest release, and a folder for backups.</summary>
internal sealed class RollbackWorld : IAsyncDisposable
{
    private const string Later = "1.44.0";

    private RollbackWorld(LogtoWorld rehearsal, string folder) => (Rehearsal, Folder) = (rehearsal, folder);

    public LogtoWorld Rehearsal { get; }

    public string Folder { get; }

    public string Database => Rehearsal.Database;

    public IReadOnlyList<string> Dumps => [.. Directory.GetFiles(Folder, "*.dump").Order(StringComparer.Ordinal)];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <param name="servers">Shared with other tests.</param>
    /// <param name="major">Of PostgreSQL.</param>
    /// <param name="from">The release that seeds the database; null: the newest.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "It goes to the caller inside of the world.")]
    public static async Task<RollbackWorld> CreateAsync(SharedServers servers, int major, LogtoRelease? from = null) =>
        new(await LogtoWorld.CreateAsync(servers, major, from), Directory.CreateTempSubdirectory("backups-").FullName);

    /// <summary>Ships one more alteration, of a release after the newest.</summary>
    public Task AddAsync(int number, string name, string up, string down, string beforeDown = "", string beforeUp = "") =>
        Rehearsal.AddAlterationAsync(number, name, up, beforeUp, down, beforeDown, Later);

    /// <summary>Deploys all that is pending.</summary>
    public async Task MigrateAsync()
    {
        Expect.Ending(Expect.Success, await RunAsync(["migrate"], ("LOGTO_INIT_BACKUP_DIR", null)));
    }

    public Task<GateResult> RunAsync(string[] arguments, params (string Name, string? Value)[] more) => Rehearsal.RunAsync(arguments, Mine(more));

    public Task<GateResult> RollBackAsync(string version, params string[] arguments) => RunAsync(["rollback", version, .. arguments]);

    public Gate Start(string version, string[] arguments, params (string Name, string? Value)[] more) => Gate.Start(["rollback", version, .. arguments], Rehearsal.Variables(Mine(more)));

    public Gate Start(string version, params string[] arguments) => Start(version, arguments, []);

    public Task<decimal> StateAsync() => Rehearsal.Server.StateAsync(Database, Token);

    /// <summary>What Logto logs in as for its first tenant.</summary>
    public async Task<(string User, string Password)> TenantAsync() => (
        await Rehearsal.Server.QuerySingleAsync<string>(Database, "select db_user from tenants where id = 'default'", Token),
        await Rehearsal.Server.QuerySingleAsync<string>(Database, "select db_user_password from tenants where id = 'default'", Token));

    /// <summary>Nothing of a run is left but backups: no half file, no scratch database, no lock.</summary>
    public async Task LeavesNothingAsync()
    {
        Assert.DoesNotContain(Directory.GetFiles(Folder).Select(Path.GetFileName), file => file!.StartsWith('.'));
        await Rehearsal.LeavesNothingAsync();
        Assert.False(await Rehearsal.Server.QuerySingleAsync<bool>(
            Database, "select exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))", Token));
    }

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        await Rehearsal.DisposeAsync();
    }

    private (string Name, string? Value)[] Mine((string Name, string? Value)[] more) => [("LOGTO_INIT_BACKUP_DIR", Folder), ("LOGTO_INIT_BACKUP_KEEP", "9"), .. more];
}
