using System.ComponentModel;
using CliWrap;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Target;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Runs the target's own CLI with Node.js, never through npm, and never longer than this process lives.</summary>
internal sealed class LogtoCliProcess(GateOptions options, LogtoInstallation installation)
{
    /// <summary>Docker grants ten seconds in all; Node.js needs milliseconds.</summary>
    private static readonly TimeSpan PatienceAfterInterrupt = TimeSpan.FromSeconds(5);

    /// <summary>Well under the lock's lease of 60 s: when this process is frozen, the CLI is gone before another replica can get the lock.</summary>
    private const string EndWithParent = """
        data:text/javascript,
        const end = () => process.kill(process.pid, 'SIGKILL');
        let heard = performance.now();
        process.stdin.on('data', () => { heard = performance.now(); }).on('end', end).on('error', end).unref();
        setInterval(() => { if (performance.now() - heard > 30000) end(); }, 1000).unref();
        """;

    private static readonly TimeSpan BeatInterval = TimeSpan.FromSeconds(5);

    /// <summary>Runs the CLI to its end.</summary>
    /// <param name="arguments">What comes after <c>logto</c>; no secret belongs here.</param>
    /// <param name="environment">See <see cref="CliEnvironment"/>.</param>
    /// <param name="output">Follows what it prints.</param>
    /// <param name="interrupt">When cancelled, the CLI gets SIGINT, and is killed five seconds later.</param>
    /// <param name="kill">When cancelled, the CLI and its children are killed at once.</param>
    /// <exception cref="UnusableTargetException">Node.js does not start.</exception>
    public async Task<CliRun> RunAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, CliOutput output, CancellationToken interrupt, CancellationToken kill)
    {
        using var forceful = CancellationTokenSource.CreateLinkedTokenSource(kill);
        await using var patience = interrupt.Register(() => forceful.CancelAfter(PatienceAfterInterrupt));
        var command = Cli.Wrap(options.Node)
            .WithArguments(["--import", EndWithParent, installation.CliEntry, .. arguments])
            .WithWorkingDirectory(options.LogtoDirectory) // the CLI reads a `.env` from here, as with Logto's own scripts
            .WithEnvironmentVariables(environment)
            .WithStandardInputPipe(PipeSource.Create(BeatAsync))
            .WithStandardOutputPipe(PipeTarget.Create((stream, cancellationToken) => output.FollowAsync(stream, "stdout", cancellationToken)))
            .WithStandardErrorPipe(PipeTarget.Create((stream, cancellationToken) => output.FollowAsync(stream, "stderr", cancellationToken)))
            .WithValidation(CommandResultValidation.None);

        int? exitCode = null;
        try
        {
            exitCode = (await command.ExecuteAsync(forceful.Token, interrupt)).ExitCode;
        }
        catch (Exception ended) when (ended is OperationCanceledException or TimeoutException && (interrupt.IsCancellationRequested || kill.IsCancellationRequested))
        {
            // We ended it, or the kernel does not let it go yet; the caller knows why.
        }
        catch (Win32Exception missing)
        {
            throw new UnusableTargetException($"Node.js does not start: {missing.Message} Name its executable in LOGTO_INIT_NODE, or use Logto's own image.");
        }

        return new CliRun(exitCode, output.Failed, output.Complaint, output.ServerWasFull, output.Finished);
    }

    /// <summary>
    /// Standard input is a pipe that we write to now and then. Its end means that we are gone, however we died; silence means that
    /// we are frozen. Either way the CLI must be gone too, because the lock is, or will be.
    /// </summary>
    private static async Task BeatAsync(Stream input, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await input.WriteAsync(new byte[1], cancellationToken);
                await input.FlushAsync(cancellationToken);
                await Task.Delay(BeatInterval, cancellationToken);
            }
        }
        catch (IOException)
        {
            // The CLI has ended.
        }
    }
}
