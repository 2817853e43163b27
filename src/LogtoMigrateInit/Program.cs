using System.Collections;
using System.Reflection;
using System.Runtime.InteropServices;
using LogtoMigrateInit.Commands;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>The composition root: reads the configuration, builds the host, runs one command, and reports how it ended.</summary>
internal static class Program
{
    public static Task<int> Main(string[] arguments) => CommandLine.InvokeAsync(arguments);

    /// <summary>Runs a command to its ending, which is logged and written to the termination log; only signals and bugs are caught here.</summary>
    public static async Task<Outcome> RunAsync(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> run)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "");
        await using var serilog = LogSetup.Create(OptionsReader.ReadLogOptions(environment));
        using var loggers = new SerilogLoggerFactory(serilog);
        var logger = loggers.CreateLogger("LogtoMigrateInit");
        logger.Started(typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion, command);

        var options = OptionsReader.Read(environment, out var problems);
        var outcome = options is null ? new Outcome.WrongUsage(problems) : await RunAsync(options, serilog, logger, run);
        if (outcome.ExitCode == ExitCode.Success)
        {
            logger.Succeeded(outcome.Message);
        }
        else
        {
            logger.Failed(outcome.Message, (int)outcome.ExitCode);
        }

        TerminationLog.Write(
            options?.TerminationLog ?? OptionsReader.ReadTerminationLog(environment),
            $"{outcome.Message} (exit code {(int)outcome.ExitCode})", logger);
        return outcome;
    }

    private static async Task<Outcome> RunAsync(
        GateOptions options, Serilog.ILogger serilog, Microsoft.Extensions.Logging.ILogger logger, Func<IServiceProvider, CancellationToken, Task<Outcome>> run)
    {
        using var stop = new CancellationTokenSource();
        Outcome.Stopped? stopped = null;
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, new Outcome.Stopped(ExitCode.Interrupted, "SIGINT")));
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, new Outcome.Stopped(ExitCode.Terminated, "SIGTERM")));
        try
        {
            if (!CryptographyLibrary.IsPresent())
            {
                return new Outcome.TargetUnusable("The OpenSSL libraries (libssl.so) are missing from this image, and without them PostgreSQL's password check is impossible. Use Logto's own image, or install libssl3.");
            }

            using var host = BuildHost(options, serilog);
            await host.StartAsync(stop.Token);
            Warn(options, logger);
            var outcome = await run(host.Services, stop.Token);
            await host.StopAsync(CancellationToken.None);
            return stopped ?? outcome;
        }
        catch (OperationCanceledException) when (stopped is not null)
        {
            return stopped;
        }
        catch (UnusableTargetException unusable)
        {
            return new Outcome.TargetUnusable(unusable.Message);
        }
        catch (DatabaseException failure)
        {
            return Outcome.Of(failure, options);
        }
#pragma warning disable CA1031 // The only catch-all: an unexpected error must end with a documented number and a sentence.
        catch (Exception bug)
#pragma warning restore CA1031
        {
            logger.Crashed(bug);
            return new Outcome.Unexpected(bug);
        }

        void Stop(PosixSignalContext signal, Outcome.Stopped ending)
        {
            signal.Cancel = true;
            if (Interlocked.CompareExchange(ref stopped, ending, null) is null)
            {
                logger.Stopping(ending.Name);
                stop.Cancel();
            }
        }
    }

    private static IHost BuildHost(GateOptions options, Serilog.ILogger serilog)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services
            .AddSerilog(serilog)
            .Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true)
            .AddSingleton(options)
            .AddSingleton(_ => LogtoInstallation.Find(options.LogtoDirectory, options.ExpectedVersion))
            .AddSingleton(services => services.GetRequiredService<LogtoInstallation>().ReadCatalog())
            .AddSingleton<LogtoDatabase>()
            .AddSingleton<LogtoCliProcess>()
            .AddSingleton<SessionWatch>()
            .AddSingleton<SupervisedCli>()
            .AddSingleton<LeftOvers>()
            .AddSingleton<Deployment>()
            .AddSingleton<MigrationRunner>()
            .AddSingleton<Checker>();
        return builder.Build();
    }

    private static void Warn(GateOptions options, Microsoft.Extensions.Logging.ILogger logger)
    {
        if (options.DatabaseUrl.SslMode is { } mode and not ("disable" or "require" or "no-verify"))
        {
            logger.UnknownSslMode(mode);
        }

        if (options.DatabaseUrl.IgnoredParameters is { Count: > 0 } ignored)
        {
            logger.IgnoredParameters(string.Join(", ", ignored));
        }
    }
}
