using System.Collections;
using System.Reflection;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Extensions.Logging;
using ILogger = Microsoft.Extensions.Logging.ILogger;

namespace LogtoMigrateInit;

/// <summary>Reads the configuration, builds the host, runs one command, and reports its outcome.</summary>
internal static class Program
{
    /// <summary>The category of all log messages.</summary>
    private const string Category = "LogtoMigrateInit";

    public static Task<int> Main(string[] arguments)
    {
        LinkedLibraries.KeepToThemselves();
        SystemRoots.Hide();
        StandardStream.TakeOver();
        return GuardAsync(() => RootCommands.InvokeAsync(arguments, Version, RunAsync, Report));
    }

    /// <summary>Turns a bug outside a run, such as in reading variables or printing a report, into the documented exit code.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
#pragma warning disable CA1031 // An unexpected error must end with a documented number and a sentence.
        catch (Exception bug)
#pragma warning restore CA1031
        {
            return (int)Report(new Outcome.Unexpected(bug)).ExitCode;
        }
    }

    private static string Version =>
        typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Implements <see cref="RunInHost"/>.</summary>
    public static async Task<Outcome> RunAsync(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> body)
    {
        var environment = ReadEnvironment();
        var settings = SettingsReader.Read(environment, out var problems);
        await using var log = LogSetup.Create(SettingsReader.ReadLogOptions(environment));
        using var host = BuildHost(settings, log);
        await using var parts = (IAsyncDisposable)host.Services; // some parts, such as connections, are disposed asynchronously
        var logger = host.Services.GetRequiredService<ILogger>();
        logger.Started(Version, command);

        var outcome = settings is null ? new Outcome.WrongUsage(problems) : await RunAsync(host, settings, logger, body);
        return Report(outcome, settings?.TerminationLog ?? SettingsReader.ReadTerminationLog(environment), logger);
    }

    /// <summary>Implements <see cref="ReportOutcome"/>.</summary>
    public static Outcome Report(Outcome outcome)
    {
        var environment = ReadEnvironment();
        using var log = LogSetup.Create(SettingsReader.ReadLogOptions(environment));
        using var factory = new SerilogLoggerFactory(log);
        var logger = factory.CreateLogger(Category);
        if (outcome is Outcome.Unexpected { Error: var bug })
        {
            logger.Crashed(bug);
        }

        return Report(outcome, SettingsReader.ReadTerminationLog(environment), logger);
    }

    private static Outcome Report(Outcome outcome, string terminationLog, ILogger logger)
    {
        if (outcome.ExitCode == ExitCode.Success)
        {
            logger.Succeeded(outcome.Message);
        }
        else
        {
            logger.Failed(outcome.Message, (int)outcome.ExitCode);
        }

        TerminationLog.Write(terminationLog, $"{outcome.Message} (exit code {(int)outcome.ExitCode})", logger);
        return outcome;
    }

    private static Dictionary<string, string> ReadEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "");

    /// <summary>
    /// Runs the body of a command. Turns the exceptions that may happen anywhere in it into outcomes: a signal, an unusable target, an
    /// unusable database, a bug.
    /// </summary>
    private static async Task<Outcome> RunAsync(
        IHost host, ProgramSettings settings, ILogger logger, Func<IServiceProvider, CancellationToken, Task<Outcome>> body)
    {
        var lifetime = host.Services.GetRequiredService<SignalLifetime>();
        try
        {
            Warn(settings, logger);
            await host.StartAsync();
            var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
            var outcome = await body(host.Services, stopping).WaitAsync(lifetime.Overdue);
            await host.StopAsync();
            return lifetime.Stopped ?? outcome;
        }
        catch (OperationCanceledException) when (lifetime.Stopped is not null)
        {
            return lifetime.Stopped;
        }
        catch (UnusableTargetException unusable)
        {
            return new Outcome.TargetUnusable(unusable.Message);
        }
        catch (DatabaseException failure)
        {
            return Outcome.Of(failure, settings);
        }
#pragma warning disable CA1031 // The catch-all of a run: an unexpected error must end with a documented number and a sentence.
        catch (Exception bug)
#pragma warning restore CA1031
        {
            logger.Crashed(bug);
            return new Outcome.Unexpected(bug);
        }
    }

    /// <param name="settings">Null when the configuration cannot be used. Then the host has only the log.</param>
    private static IHost BuildHost(ProgramSettings? settings, Serilog.ILogger log)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services
            .AddSerilog(log)
            .AddSingleton(services => services.GetRequiredService<ILoggerFactory>().CreateLogger(Category))
            .AddSingleton(services => new SignalLifetime(
                services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<ILogger>()))
            .AddSingleton<IHostLifetime>(services => services.GetRequiredService<SignalLifetime>())
            .RemoveAll<IStartupValidator>(); // It has nothing to validate. Measured: it takes more instructions than all of Npgsql.
        if (settings is not null)
        {
            Parts.AddTo(builder.Services, settings);
        }

        return builder.Build();
    }

    private static void Warn(ProgramSettings settings, ILogger logger)
    {
        if (settings.Main.Password is { Length: > 0 and < SecretMask.Shortest })
        {
            logger.ShortPassword(SecretMask.Shortest);
        }

        if (settings.ContradictingDotEnv is { } dotEnv)
        {
            logger.ContradictingDotEnv(dotEnv);
        }

        if (settings.UnknownSslMode is { } mode)
        {
            logger.UnknownSslMode(mode);
        }

        if (settings.IgnoredParameters is { Count: > 0 } ignored)
        {
            logger.IgnoredParameters(string.Join(", ", ignored));
        }

        if (settings.IgnoredPasswordFile is { } passwordFile)
        {
            logger.IgnoredPasswordFile(passwordFile);
        }
    }
}
