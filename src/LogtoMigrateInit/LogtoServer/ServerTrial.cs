using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>Starts the target's Logto on 127.0.0.1, sends requests to it, and stops it.</summary>
internal sealed class ServerTrial(ProgramSettings settings, LogtoInstallation installation, ILogger logger)
{
    /// <summary>The number of tries, because another process may take a port between its choice and Logto's start.</summary>
    private const int Tries = 5;

    /// <summary>The number of rounds of requests, because a busy server may answer 500 for a moment.</summary>
    private const int Asks = 3;

    private static readonly TimeSpan BeforeAskingAgain = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The longest wait for an error message after a wrong answer. Logto prints it before the answer, but over another pipe.
    /// </summary>
    private static readonly TimeSpan LongestExplanation = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The time by which the guard's limit exceeds this program's, so that this program ends Logto first and reports why.
    /// </summary>
    private static readonly TimeSpan GuardMargin = TimeSpan.FromSeconds(15);

    /// <summary>Why Logto cannot be started from an npm installation of its CLI: a clause.</summary>
    public const string NoServer = "this installation has no Logto server. Next: use Logto's image, or set " +
        "LOGTO_INIT_START_COMMAND to the command that starts Logto";

    /// <summary>Returns a clause when Logto cannot be started here; otherwise null.</summary>
    public string? WhyImpossible()
    {
        if (settings.StartCommand is [] && installation.CoreDirectory is null)
        {
            return NoServer;
        }

        if (FilePermission.FindProgram(Program) is null)
        {
            return $"'{Program}' is no executable file on PATH";
        }

        return MemoryLimit.Megabytes is { } limit && limit < MemoryLimit.NeededMegabytes
            ? $"the memory limit here is {limit} MB, and Logto and this program need {MemoryLimit.NeededMegabytes}"
            : installation.WhyScriptsFolderIsReadOnly()?.TrimEnd('.');
    }

    private string Program => settings.StartCommand is [var first, ..] ? first : settings.Node;

    /// <summary>Starts Logto, and tries again with other ports when another process takes one.</summary>
    /// <param name="tenants">The ids of the tenants to send requests for: <c>default</c>, <c>admin</c>.</param>
    /// <param name="folder">
    /// The folder's lock. Logto shares it to its end, because its start empties and fills <c>alteration-scripts</c>.
    /// </param>
    /// <param name="place">The name of the database in the log.</param>
    /// <param name="whileLocked">When canceled, Logto is killed immediately.</param>
    public async Task<ServerStart> RunAsync(
        ServerTarget database, IReadOnlyList<string> tenants, FolderLock folder, string place, CancellationToken whileLocked)
    {
        if (WhyImpossible() is { } impossible)
        {
            return new ServerStart.NotStarted(impossible);
        }

        logger.StartingServer(installation.Version, place, MemoryLimit.NeededMegabytes);
        for (var tries = 1; ; tries++)
        {
            var start = await RunOnceAsync(database, tenants, folder, whileLocked);
            whileLocked.ThrowIfCancellationRequested();
            if (start is ServerStart.Answered answered)
            {
                logger.ServerAnswered(place, $"{answered}");
            }

            if (start is not ServerStart.Failed { PortTaken: true } || tries == Tries)
            {
                return start;
            }
        }
    }

    // Over 40 lines: the life of one process.
    private async Task<ServerStart> RunOnceAsync(
        ServerTarget database, IReadOnlyList<string> tenants, FolderLock folder, CancellationToken whileLocked)
    {
        var ports = LoopbackRequest.FreePorts();
        var name = SessionNames.NewServer();
        var output = new ServerOutput(database.Password, ports, logger);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(whileLocked);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(whileLocked);
        limit.CancelAfter(settings.StartTimeout);
        using var share = folder.Share();
        var child = new ChildProcess(
            FilePermission.FindProgram(Program)!,
            settings.StartCommand is [] ? ["."] : [.. settings.StartCommand.Skip(1)],
            ServerEnvironment.Build(
                database, name, ports, ServerGuard.Module(settings.StartTimeout + GuardMargin),
                Environment.GetEnvironmentVariable("NODE_OPTIONS")),
            settings.StartCommand is [] ? installation.CoreDirectory! : settings.LogtoDirectory)
        {
            Input = (_, ended) => Task.Delay(Timeout.Infinite, ended).ContinueWith(_ => { }, TaskScheduler.Default), // see ServerGuard
            Output = (stream, drained) => output.FollowAsync(stream, "stdout", drained),
            Errors = (stream, drained) => output.FollowAsync(stream, "stderr", drained),
            Starting = share.Bequeath,
        };
        var began = Stopwatch.GetTimestamp();
        var running = child.RunAsync(_ => share.Dispose(), CancellationToken.None, ended.Token);
        var asking = AskAsync(ports, tenants, output, limit.Token);
        try
        {
            if (await Task.WhenAny(asking, running) == asking)
            {
                var wrong = await asking;
                return wrong is null
                    ? new ServerStart.Answered(Stopwatch.GetElapsedTime(began).TotalSeconds, tenants)
                    : Fail(wrong);
            }

            var exitCode = await running;
            return Fail($"ended with exit code {CliRun.Describe(exitCode)} before it answered");
        }
        catch (Win32Exception missing)
        {
            return new ServerStart.NotStarted($"{Program} does not start: {missing.GetBaseException().Message}");
        }
        catch (OperationCanceledException) when (!whileLocked.IsCancellationRequested)
        {
            var what = output.Listening.IsCompleted ? "did not answer" : "did not listen";
            return Fail($"{what} within {settings.StartTimeout.TotalSeconds:0} s (LOGTO_INIT_START_TIMEOUT_SECONDS)");
        }
        finally
        {
            await ended.CancelAsync();
            await limit.CancelAsync();
            await Task.WhenAll(running, asking).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        ServerStart.Failed Fail(string what) =>
            new(output.Complaint is { Length: > 0 } complaint ? $"{what}: {complaint}" : what, output.PortTaken);
    }

    /// <returns>Null when all answers are as expected; otherwise a clause whose subject is Logto.</returns>
    /// <exception cref="OperationCanceledException">The start time-out has passed, or the program was stopped.</exception>
    private static async Task<string?> AskAsync(
        IReadOnlyList<int> ports, IReadOnlyList<string> tenants, ServerOutput output, CancellationToken limit)
    {
        await output.Listening.WaitAsync(limit);
        for (var asks = 1; ; asks++)
        {
            var wrong = await AskOnceAsync(ports, tenants, limit);
            if (wrong is null || asks == Asks)
            {
                if (wrong is not null)
                {
                    await Task.WhenAny(output.Complained, Task.Delay(LongestExplanation, limit));
                }

                return wrong;
            }

            await Task.Delay(BeforeAskingAgain, limit);
        }
    }

    private static async Task<string?> AskOnceAsync(IReadOnlyList<int> ports, IReadOnlyList<string> tenants, CancellationToken limit)
    {
        var issuers = new List<string>();
        foreach (var tenant in tenants)
        {
            foreach (var path in ServerAnswers.Paths)
            {
                try
                {
                    var answer = await LoopbackRequest.GetAsync(ports[tenant == "admin" ? 1 : 0], path, limit);
                    if (ServerAnswers.WhyWrong(path, answer) is { } wrong)
                    {
                        return ServerAnswers.Describe(path, tenant, wrong);
                    }

                    if (path == ServerAnswers.Configuration && ServerAnswers.IssuerOf(answer.Body) is { } issuer)
                    {
                        issuers.Add(issuer);
                    }
                }
                catch (SocketException cut)
                {
                    return $"does not answer GET {path} of the {tenant} tenant ({cut.Message})";
                }
            }
        }

        // Two tenants with one issuer are a fault. Equal keys are not: a database that was seeded with OIDC_PRIVATE_KEYS has them, and
        // works.
        return issuers is [var first, var second] && first == second ? $"answers as {first} for both tenants" : null;
    }
}
