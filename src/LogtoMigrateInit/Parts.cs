using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Migration;
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
    public static IServiceCollection AddParts(this IServiceCollection services, GateOptions options, ILogger logger)
    {
        var sessionName = SessionNames.NewCli();
        return services
            .AddSingleton(options)
            .AddSingleton(_ => LogtoInstallation.Find(options.LogtoDirectory, options.ExpectedVersion))
            .AddSingleton(parts => parts.Get<LogtoInstallation>().ReadCatalog())
            .AddSingleton(_ => new LogtoDatabase(options, logger))
            .AddSingleton(parts => new WatchedInspection(options, parts.Get<LogtoDatabase>(), logger))
            .AddSingleton(parts => new TenantLogins(parts.Get<LogtoDatabase>(), logger))
            .AddSingleton(parts => new LogtoCliProcess(options, parts.Get<LogtoInstallation>()))
            .AddSingleton(parts => new SupervisedCli(
                options, parts.Get<LogtoInstallation>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<LogtoCliProcess>(), logger))
            .AddSingleton(parts => new LeftOvers(options, sessionName, parts.Get<LogtoDatabase>(), logger))
            .AddSingleton(parts => new OtherRuns(
                options, parts.Get<LogtoInstallation>(), sessionName, parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), logger))
            .AddSingleton(parts => new Deployment(
                options, parts.Get<LogtoInstallation>(), parts.Get<AlterationCatalog>(), parts.Get<WatchedInspection>(), parts.Get<OtherRuns>(), parts.Get<SupervisedCli>(),
                parts.Get<LeftOvers>(), parts.Get<TenantLogins>(), logger))
            .AddSingleton(parts => new MigrationRunner(
                options, parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<Deployment>(), logger))
            .AddSingleton(parts => new Checker(
                options, parts.Get<AlterationCatalog>(), parts.Get<LogtoDatabase>(), parts.Get<WatchedInspection>(), parts.Get<TenantLogins>(), logger));
    }

    private static T Get<T>(this IServiceProvider parts)
        where T : notnull => parts.GetRequiredService<T>();
}
