using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Recovery;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>
/// The parts of a run, each made when a command first asks for it. By factory: to find constructors by reflection took a sixth of all
/// instructions of a run with nothing pending.
/// </summary>
internal static class Parts
{
    public static IServiceCollection AddParts(this IServiceCollection services, GateOptions options)
    {
        var sessionName = SessionNames.NewCli();
        return services
            .AddSingleton(parts => WithPasswordOfLogto(options, parts.Get<ILogger>()))
            .AddSingleton(_ => LogtoInstallation.Find(options.LogtoDirectory, options.ExpectedVersion))
            .AddSingleton(parts => parts.Get<LogtoInstallation>().ReadCatalog())
            .AddSingleton(parts => new LogtoDatabase(parts.Get<GateOptions>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new WatchedInspection(parts.Get<GateOptions>(), parts.Get<LogtoDatabase>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new TenantLogins(parts.Get<LogtoDatabase>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new LogtoCliProcess(parts.Get<GateOptions>(), parts.Get<LogtoInstallation>()))
            .AddSingleton(parts => new SupervisedCli(
                parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<LogtoCliProcess>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new LeftOvers(parts.Get<GateOptions>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new CliFolder(parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new OtherRuns(
                parts.Get<GateOptions>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new DirectServer(parts.Get<GateOptions>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new ScratchCopies(sessionName, parts.Get<DirectServer>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new Backup(
                parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<DirectServer>(), parts.Get<ScratchCopies>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new Restore(
                parts.Get<GateOptions>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<DirectServer>(), parts.Get<ScratchCopies>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new ScratchPlace(parts.Get<GateOptions>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new ScratchCli(parts.Get<LogtoInstallation>(), parts.Get<AlterationCatalog>(), sessionName, parts.Get<ILogger>()))
            .AddSingleton(parts => new TargetSchema(parts.Get<GateOptions>(), parts.Get<ScratchCli>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new DriftCheck(
                parts.Get<GateOptions>(), parts.Get<LogtoDatabase>(), parts.Get<ScratchPlace>(), parts.Get<CliFolder>(), parts.Get<TargetSchema>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new DatabaseCopy(parts.Get<GateOptions>(), sessionName, parts.Get<DirectServer>(), parts.Get<ScratchCopies>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new FormerSchema(parts.Get<GateOptions>(), parts.Get<DatabaseCopy>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new ExpectedSchema(parts.Get<TargetSchema>(), parts.Get<FormerSchema>()))
            .AddSingleton(parts => new RehearsalFindings(parts.Get<GateOptions>(), parts.Get<AlterationCatalog>(), parts.Get<DirectServer>()))
            .AddSingleton(parts => new AlterationRehearsal(
                parts.Get<GateOptions>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<DirectServer>(), parts.Get<ScratchPlace>(), parts.Get<DatabaseCopy>(),
                parts.Get<CliFolder>(), parts.Get<ScratchCli>(), parts.Get<ExpectedSchema>(), parts.Get<RehearsalFindings>(), parts.Get<WatchedInspection>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new RehearsedUpgrade(
                parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), parts.Get<AlterationCatalog>(), parts.Get<OtherRuns>(), parts.Get<AlterationRehearsal>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new Deployment(
                parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<OtherRuns>(), parts.Get<CliFolder>(),
                parts.Get<SupervisedCli>(), parts.Get<LeftOvers>(), parts.Get<TenantLogins>(), parts.Get<Backup>(), parts.Get<RehearsedUpgrade>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new Rollback(
                parts.Get<GateOptions>(), parts.Get<LogtoInstallation>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<OtherRuns>(),
                parts.Get<CliFolder>(), parts.Get<SupervisedCli>(), parts.Get<LeftOvers>(), parts.Get<Backup>(), parts.Get<AlterationRehearsal>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new MigrationRunner(
                parts.Get<GateOptions>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<Deployment>(), parts.Get<LeftOvers>(), parts.Get<Backup>(),
                parts.Get<RehearsedUpgrade>(), parts.Get<Rollback>(), parts.Get<ILogger>()))
            .AddSingleton(parts => new Checker(
                parts.Get<GateOptions>(), parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<TenantLogins>(), parts.Get<LeftOvers>(), parts.Get<Backup>(),
                parts.Get<DriftCheck>(), parts.Get<ILogger>()));
    }

    /// <summary>Where Logto's own client sends the password unprepared, so must we: passing where Logto is then refused would be a lie.</summary>
    private static GateOptions WithPasswordOfLogto(GateOptions options, ILogger logger)
    {
        if (options.ScramPassword == options.Password || NodePostgres.PreparesPasswords(options.LogtoDirectory))
        {
            return options;
        }

        logger.PasswordIsNotPrepared();
        return options with { ScramPassword = options.Password };
    }

    private static T Get<T>(this IServiceProvider parts)
        where T : notnull => parts.GetRequiredService<T>();
}
