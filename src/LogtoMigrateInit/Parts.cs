using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Repair;
using LogtoMigrateInit.Rollback;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>The parts of a run. Each is created when it is first needed. Commands get their parts from the host.</summary>
internal sealed class Parts(ProgramSettings settings, ILogger logger) : IAsyncDisposable
{
    private readonly string _sessionName = SessionNames.NewCli();
    private LogtoDatabase? _database;
    private DirectServer? _server;

    private LogtoInstallation Installation => field ??= LogtoInstallation.Find(settings.LogtoDirectory, settings.ExpectedVersion);

    private LogtoTarget Target => field ??= new(Installation, Installation.ReadCatalog(settings.NeedsDefaultTenant));

    private AlterationCatalog Catalog => Target.Catalog;

    private LogtoDatabase Database => _database ??= new(settings.Main, settings.ConnectTimeout, logger);

    private DirectServer Server => _server ??= new(settings.Server, settings, logger);

    private WatchedInspection Watched => field ??= new(settings, Catalog, Database, logger);

    private TenantLogins Logins => field ??= new(Database, Catalog.Requirements.Tables, logger);

    private OtherRuns Others => field ??= new(settings, _sessionName, Database, Watched, logger);

    private LockedWork Locked => field ??= new(settings, Database, Watched, Others, logger);

    private CliFolder Folders => field ??= new(settings, Installation, logger);

    private CliJobRunner Cli => field ??= new(
        Catalog, Folders,
        new SupervisedCli(settings, Installation, _sessionName, Database, new LogtoCliProcess(settings, Installation), logger),
        new LeftOverIndexes(settings, _sessionName, Database, logger));

    private ScratchPlace ScratchPlace => field ??= new(settings, logger);

    private ScratchCli ScratchCli => field ??= new(settings, Target, _sessionName, Folders, logger);

    private ScratchCopies ScratchCopies => field ??= new(settings.LockTimeout, _sessionName, Server, logger);

    private DatabaseBackup Backup => field ??= new(settings, Installation, _sessionName, Database, Server, ScratchCopies, logger);

    private TargetSchema TargetSchema => field ??= new(ScratchCli);

    private DatabaseCopy Copies => field ??= new(settings, _sessionName, Database, Server, ScratchCopies, Watched, logger);

    private AlterationRehearsal Rehearsal => field ??= new(
        settings, ScratchPlace, Copies, ScratchCli, new ExpectedSchema(TargetSchema, new FormerSchema(settings, Copies)),
        new RehearsalFindings(settings, Catalog, Server), logger);

    private ServerTrial Trial => field ??= new(settings, Installation, logger);

    private DatabaseStart Start => new(settings, Database, Folders, Trial, logger);

    private RehearsedUpgrade RehearsedUpgrade => field ??= new(
        settings, Target, Locked, Rehearsal, new CopyStart(Trial, logger), logger);

    private MigrationRunner Migration => new(
        settings, Catalog, Database, Locked, Others,
        new Deployment(settings, Target, Watched, Cli, Logins, new Precautions(settings, Backup, RehearsedUpgrade), logger), logger);

    private Checker Checker => new(settings, Catalog, Database, Watched, Logins, Backup, logger);

    private DriftCheck Drift => new(settings, Database, ScratchPlace, ScratchCli, TargetSchema, logger);

    private DatabaseRepair Repair => new(
        settings, Catalog, Locked, new RepairInspection(settings, Catalog, Database, Watched, Drift, Logins),
        new RepairSession(_sessionName, Database, Server, logger), Backup);

    private BackupRun BackupRun => new(settings, Catalog, Locked, Backup);

    private DatabaseRestore Restore => new(settings, Catalog, Database, Server, ScratchCopies, logger);

    private RollbackRunner Rollback => new(
        settings, Catalog, Locked,
        new DatabaseRollback(settings, Target, new RollbackChecks(Database, Watched, logger), Cli, Backup, Rehearsal, logger));

    /// <summary>
    /// Registers the parts that commands need. It uses factories. Measured: finding constructors by reflection took a sixth of all
    /// instructions of a run with nothing pending.
    /// </summary>
    public static void AddTo(IServiceCollection services, ProgramSettings settings) => services
        .AddSingleton(settings)
        .AddSingleton(host => new Parts(settings, host.GetRequiredService<ILogger>()))
        .AddSingleton(host => host.GetRequiredService<Parts>().Target)
        .AddSingleton(host => host.GetRequiredService<Parts>().Catalog)
        .AddSingleton(host => host.GetRequiredService<Parts>().Migration)
        .AddSingleton(host => host.GetRequiredService<Parts>().Checker)
        .AddSingleton(host => host.GetRequiredService<Parts>().Drift)
        .AddSingleton(host => host.GetRequiredService<Parts>().Start)
        .AddSingleton(host => host.GetRequiredService<Parts>().RehearsedUpgrade)
        .AddSingleton(host => host.GetRequiredService<Parts>().BackupRun)
        .AddSingleton(host => host.GetRequiredService<Parts>().Restore)
        .AddSingleton(host => host.GetRequiredService<Parts>().Rollback)
        .AddSingleton(host => host.GetRequiredService<Parts>().Repair);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }
}
