using System.ComponentModel;
using System.Threading.Channels;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Runs the target's own CLI with Node.js, never through npm, and never longer than this process lives.</summary>
internal sealed class LogtoCliProcess(ProgramSettings settings, LogtoInstallation installation)
{
    /// <summary>Runs the CLI to its end.</summary>
    /// <param name="arguments">What comes after <c>logto</c>; no secret belongs here.</param>
    /// <param name="environment">See <see cref="CliEnvironment"/>.</param>
    /// <param name="output">Follows what it prints.</param>
    /// <param name="answers">Written to when the lock is confirmed after the guard has asked.</param>
    /// <param name="folder">Goes over to the CLI.</param>
    /// <param name="started">Is told its process id.</param>
    /// <param name="interrupt">When cancelled, the CLI gets SIGINT, and is killed five seconds later.</param>
    /// <param name="kill">When cancelled, the CLI and its children are killed at once.</param>
    /// <returns>Its exit code; null when we ended it.</returns>
    /// <exception cref="UnusableTargetException">Node.js does not start.</exception>
    public async Task<int?> RunAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, CliOutput output, ChannelReader<bool> answers,
        FolderLock folder, Action<int> started, CancellationToken interrupt, CancellationToken kill)
    {
        var node = FilePermission.FindProgram(settings.Node)
            ?? throw new UnusableTargetException($"Node.js was not found: '{settings.Node}' is no executable file on PATH. Next: set " +
                $"LOGTO_INIT_NODE to it, or use Logto's own image.");

        // In Logto's folder, where the CLI reads a `.env`, as with Logto's own scripts.
        string[] words = ["--import", CliGuard.Module(settings.Timings), installation.CliEntry, .. arguments];
        var child = new ChildProcess(node, words, environment, settings.LogtoDirectory)
        {
            Input = (input, ended) => BeatAsync(input, answers, ended),
            Output = (stream, drained) => output.FollowAsync(stream, "stdout", drained),
            Errors = (stream, drained) => output.FollowAsync(stream, "stderr", drained),
            Starting = folder.Bequeath,
        };
        try
        {
            return await child.RunAsync(HandOver, interrupt, kill);
        }
        catch (Win32Exception missing)
        {
            throw new UnusableTargetException($"Node.js does not start: {node}: {missing.GetBaseException().Message}. Next: set " +
                $"LOGTO_INIT_NODE to its executable, or use Logto's own image.");
        }

        void HandOver(int pid)
        {
            folder.Dispose(); // the CLI has inherited it
            started(pid);
        }
    }

    /// <summary>
    /// Signs of life and answers for <see cref="CliGuard"/>: the pipe's end means that we are gone, however we died; silence, that we stand
    /// still.
    /// </summary>
    private async Task BeatAsync(Stream input, ChannelReader<bool> answers, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteAsync(new[] { CliGuard.Beat }, cancellationToken);
            await input.FlushAsync(cancellationToken);
            var nextAnswer = answers.ReadAsync(cancellationToken).AsTask();
            while (true)
            {
                var isAnswer = await Task.WhenAny(nextAnswer, Task.Delay(settings.Timings.Beat, cancellationToken)) == nextAnswer;
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
