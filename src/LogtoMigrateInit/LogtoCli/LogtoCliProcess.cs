using System.ComponentModel;
using System.Threading.Channels;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Runs the target's CLI with Node.js, without npm. The CLI never outlives this process for long, see <see cref="CliGuard"/>.
/// </summary>
internal sealed class LogtoCliProcess(ProgramSettings settings, LogtoInstallation installation)
{
    /// <summary>Runs the CLI to its end.</summary>
    /// <param name="arguments">The arguments after <c>logto</c>. They must contain no secret.</param>
    /// <param name="environment">The variables of <see cref="CliEnvironment"/>.</param>
    /// <param name="answers">Has an item for each time that the lock was confirmed after a question of the guard.</param>
    /// <param name="folder">The folder's lock. Its ownership passes to the CLI.</param>
    /// <param name="started">Receives the process id of the CLI.</param>
    /// <param name="interrupt">When canceled, the CLI gets SIGINT. Five seconds later it is killed.</param>
    /// <param name="kill">When canceled, the CLI and its children are killed immediately.</param>
    /// <returns>The exit code; null when this program ended the CLI.</returns>
    /// <exception cref="UnusableTargetException">Node.js is missing or does not start.</exception>
    public async Task<int?> RunAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, CliOutput output, ChannelReader<bool> answers,
        FolderLock folder, Action<int> started, CancellationToken interrupt, CancellationToken kill)
    {
        var node = FilePermission.FindProgram(settings.Node)
            ?? throw new UnusableTargetException($"Node.js was not found: '{settings.Node}' is no executable file on PATH. Next: set " +
                $"LOGTO_INIT_NODE to it, or use Logto's own image.");

        // The CLI runs in Logto's folder, as Logto's own scripts do, and reads a `.env` file there.
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
    /// Sends heartbeats and answers to <see cref="CliGuard"/>. To the guard, a closed pipe means that this program is gone, and silence
    /// means that it is suspended.
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
