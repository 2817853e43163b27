using System.ComponentModel;
using System.Threading.Channels;
using CliWrap;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.Target;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Runs the target's own CLI with Node.js, never through npm, and never longer than this process lives.</summary>
internal sealed class LogtoCliProcess(GateOptions options, LogtoInstallation installation)
{
    /// <summary>Docker grants ten seconds in all; Node.js needs milliseconds.</summary>
    private static readonly TimeSpan PatienceAfterInterrupt = TimeSpan.FromSeconds(5);

    /// <summary>What the CLI printed is read in milliseconds; what inherited its output may never close it.</summary>
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(1);

    /// <summary>Runs the CLI to its end.</summary>
    /// <param name="arguments">What comes after <c>logto</c>; no secret belongs here.</param>
    /// <param name="environment">See <see cref="CliEnvironment"/>.</param>
    /// <param name="output">Follows what it prints.</param>
    /// <param name="answers">Written to when the lock is confirmed after the guard has asked.</param>
    /// <param name="started">Is told its process id.</param>
    /// <param name="interrupt">When cancelled, the CLI gets SIGINT, and is killed five seconds later.</param>
    /// <param name="kill">When cancelled, the CLI and its children are killed at once.</param>
    /// <returns>Its exit code; null when we ended it.</returns>
    /// <exception cref="UnusableTargetException">Node.js does not start.</exception>
    public async Task<int?> RunAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, CliOutput output, ChannelReader<bool> answers, Action<int> started, CancellationToken interrupt,
        CancellationToken kill)
    {
        using var forceful = CancellationTokenSource.CreateLinkedTokenSource(kill);
        using var drained = new CancellationTokenSource();
        await using var patience = interrupt.Register(() => forceful.CancelAfter(PatienceAfterInterrupt));
        // Never by its name alone: .NET would look in the working folder first, and take what is not executable.
        var node = FilePermission.FindProgram(options.Node)
            ?? throw new UnusableTargetException($"Node.js was not found: '{options.Node}' is no executable file on PATH. Name it in LOGTO_INIT_NODE, or use Logto's own image.");
        var command = Start(node, options.LogtoDirectory)
            .WithArguments(["--import", CliGuard.Module(options.Timings), installation.CliEntry, .. arguments])
            .WithEnvironmentVariables(environment)
            .WithStandardInputPipe(PipeSource.Create((input, ended) =>
            {
                ended.Register(() => drained.CancelAfter(LongestDrain));
                return BeatAsync(input, answers, ended);
            }))
            .WithStandardOutputPipe(PipeTarget.Create((stream, _) => output.FollowAsync(stream, "stdout", drained.Token)))
            .WithStandardErrorPipe(PipeTarget.Create((stream, _) => output.FollowAsync(stream, "stderr", drained.Token)));

        int? exitCode = null;
        try
        {
            var running = command.ExecuteAsync(forceful.Token, interrupt);
            started(running.ProcessId);
            exitCode = (await running).ExitCode;
        }
        catch (Exception ended) when (ended is OperationCanceledException or TimeoutException && (interrupt.IsCancellationRequested || kill.IsCancellationRequested))
        {
            // We ended it, or the kernel does not let it go yet; the caller knows why.
        }
        catch (Win32Exception missing)
        {
            throw new UnusableTargetException($"Node.js does not start: {node}: {missing.GetBaseException().Message}. Name its executable in LOGTO_INIT_NODE, or use Logto's own image.");
        }

        return exitCode;
    }

    /// <summary>With all parts, because the short way asks for our own working folder, which may be gone.</summary>
    /// <param name="program">An absolute path.</param>
    /// <param name="folder">Where it works; the CLI reads a <c>.env</c> from there, as with Logto's own scripts.</param>
    private static Command Start(string program, string folder) => new(
        program, "", folder, ResourcePolicy.Default, Credentials.Default, new Dictionary<string, string?>(), CommandResultValidation.None,
        PipeSource.Null, PipeTarget.Null, PipeTarget.Null);

    /// <summary>Signs of life and answers for <see cref="CliGuard"/>: the pipe's end means that we are gone, however we died; silence, that we stand still.</summary>
    private async Task BeatAsync(Stream input, ChannelReader<bool> answers, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteAsync(new[] { CliGuard.Beat }, cancellationToken);
            await input.FlushAsync(cancellationToken);
            var nextAnswer = answers.ReadAsync(cancellationToken).AsTask();
            while (true)
            {
                var isAnswer = await Task.WhenAny(nextAnswer, Task.Delay(options.Timings.Beat, cancellationToken)) == nextAnswer;
                cancellationToken.ThrowIfCancellationRequested();
                await input.WriteAsync(new[] { isAnswer ? CliGuard.Answer : CliGuard.Beat }, cancellationToken);
                await input.FlushAsync(cancellationToken);
                nextAnswer = isAnswer ? answers.ReadAsync(cancellationToken).AsTask() : nextAnswer;
            }
        }
        catch (IOException)
        {
            // The CLI has ended.
        }
    }
}
