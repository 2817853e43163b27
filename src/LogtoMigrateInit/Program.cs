using System.Collections;
using System.Reflection;
using LogtoMigrateInit.Commands;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Target;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Extensions.Logging;

namespace LogtoMigrateInit;

/// <summary>Reads the configuration, builds the host, runs one command, and reports how it ended.</summary>
internal static class Program
{
    public static Task<int> Main(string[] arguments)
    {
        StandardStream.TakeOver();
        return CommandLine.InvokeAsync(arguments, RunAsync);
    }

    /// <summary>See <see cref="RunInHost"/>.</summary>
    public static async Task<Outcome> RunAsync(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> body)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "");
        await using var serilog = LogSetup.Create(OptionsReader.ReadLogOptions(environment));
        using var loggers = new SerilogLoggerFactory(serilog);
        var logger = loggers.CreateLogger("LogtoMigrateInit");
        logger.Started(typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion, command);

        var options = OptionsReader.Read(environment, out var problems);
        var outcome = options is null ? new Outcome.WrongUsage(problems) : await RunAsync(options, serilog, logger, body);
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

    /// <summary>Endings are values. Here those become values too that may happen anywhere below: a signal, a target or a database that cannot be used, a bug.</summary>
    private static async Task<Outcome> RunAsync(
        GateOptions options, Serilog.ILogger serilog, Microsoft.Extensions.Logging.ILogger logger, Func<IServiceProvider, CancellationToken, Task<Outcome>> body)
    {
        SignalLifetime? lifetime = null;
        try
        {
            if (!CryptographyLibrary.IsPresent())
            {
                return new Outcome.TargetUnusable("The OpenSSL libraries (libssl.so) are missing from this image, and without them PostgreSQL's password check is impossible. Use Logto's own image, or install libssl3.");
            }

            Warn(options, logger);
            using var host = BuildHost(WithPasswordOfLogto(options, logger), serilog, logger);
            await using var parts = (IAsyncDisposable)host.Services; // some of them, such as connections, end asynchronously
            await host.StartAsync();
            lifetime = host.Services.GetRequiredService<SignalLifetime>();
            var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
            var outcome = await body(host.Services, stopping).WaitAsync(lifetime.Overdue);
            await host.StopAsync();
            return lifetime.Stopped ?? outcome;
        }
        catch (OperationCanceledException) when (lifetime is { Stopped: { } stopped })
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
    }

    private static IHost BuildHost(GateOptions options, Serilog.ILogger serilog, Microsoft.Extensions.Logging.ILogger logger)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services
            .AddSerilog(serilog)
            .AddSingleton(services => new SignalLifetime(services.GetRequiredService<IHostApplicationLifetime>(), logger))
            .AddSingleton<IHostLifetime>(services => services.GetRequiredService<SignalLifetime>())
            .AddParts(options, logger)
            .RemoveAll<IStartupValidator>(); // It has nothing to validate, and to find that out took more instructions than all of Npgsql.
        return builder.Build();
    }

    /// <summary>Where Logto's own client sends the password unprepared, so must we: passing where Logto is then refused would be a lie.</summary>
    private static GateOptions WithPasswordOfLogto(GateOptions options, Microsoft.Extensions.Logging.ILogger logger)
    {
        if (options.ScramPassword == options.Password || NodePostgres.PreparesPasswords(options.LogtoDirectory))
        {
            return options;
        }

        logger.PasswordIsNotPrepared();
        return options with { ScramPassword = options.Password };
    }

    private static void Warn(GateOptions options, Microsoft.Extensions.Logging.ILogger logger)
    {
        if (options.SslMode is { } mode and not ("disable" or "require" or "no-verify"))
        {
            logger.UnknownSslMode(mode);
        }

        if (options.IgnoredParameters is { Count: > 0 } ignored)
        {
            logger.IgnoredParameters(string.Join(", ", ignored));
        }

        if (options.IgnoredPasswordFile is { } passwordFile)
        {
            logger.IgnoredPasswordFile(passwordFile);
        }
    }
}
