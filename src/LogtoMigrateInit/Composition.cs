using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>
/// The parts of one run, put together by hand: a container would find them by reflection, which took a sixth of all instructions
/// of a run with nothing pending.
/// </summary>
internal sealed class Composition(GateOptions options, ILogger logger) : IAsyncDisposable
{
    private readonly LogtoDatabase _database = new(options, logger);

    public GateOptions Options => options;

    /// <exception cref="UnusableTargetException">The installation of the target cannot be used.</exception>
    public AlterationCatalog Catalog => field ??= Installation.ReadCatalog();

    private LogtoInstallation Installation => field ??= LogtoInstallation.Find(options.LogtoDirectory, options.ExpectedVersion);

    private TenantLogins Logins => field ??= new TenantLogins(_database, logger);

    private WatchedInspection Watched => field ??= new WatchedInspection(options, _database, logger);

    /// <exception cref="UnusableTargetException">The installation of the target cannot be used.</exception>
    public MigrationRunner CreateRunner()
    {
        var sessionName = CliEnvironment.NewApplicationName();
        var cli = new SupervisedCli(options, Installation, sessionName, _database, new LogtoCliProcess(options, Installation), logger);
        var leftOvers = new LeftOvers(options, sessionName, _database, logger);
        var deployment = new Deployment(options, Installation, Catalog, sessionName, _database, Watched, cli, leftOvers, Logins, logger);
        return new MigrationRunner(options, Catalog, _database, Watched, deployment, logger);
    }

    /// <exception cref="UnusableTargetException">The installation of the target cannot be used.</exception>
    public Checker CreateChecker() => new(options, Catalog, _database, Watched, Logins, logger);

    public ValueTask DisposeAsync() => _database.DisposeAsync();
}
