using System.ComponentModel;
using CliWrap;

namespace LogtoMigrateInit.Processes;

/// <summary>A program, with its arguments and environment.</summary>
/// <param name="Program">An absolute path. For a bare name .NET searches the working folder first, and ignores the executable bit.</param>
/// <param name="Arguments">Must hold no secret: every user of the machine can read them.</param>
/// <param name="Environment">Set on top of this program's environment; null removes a variable.</param>
/// <param name="Folder">Its working folder. This program's own may have been deleted.</param>
internal sealed record ChildProcess(
    string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string?> Environment, string Folder = "/")
{
    /// <summary>Docker grants ten seconds in all; every program that this one starts ends in milliseconds.</summary>
    private static readonly TimeSpan PatienceAfterInterrupt = TimeSpan.FromSeconds(5);

    /// <summary>Reading the rest of the pipes takes milliseconds. A process that inherited a pipe may never close it.</summary>
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(1);

    private static readonly Lock OneStartAtATime = new();

    /// <summary>Writes its standard input until the process ends, which cancels the token; null: no input.</summary>
    public Func<Stream, CancellationToken, Task>? Input { get; init; }

    /// <summary>Reads its standard output until the end. The token is cancelled one second after the process has ended.</summary>
    public required Func<Stream, CancellationToken, Task> Output { get; init; }

    /// <summary>Reads its standard error, like <see cref="Output"/>.</summary>
    public required Func<Stream, CancellationToken, Task> Errors { get; init; }

    /// <summary>
    /// Runs just before the program starts, while no other program of this process does; null: nothing. What it lets programs inherit,
    /// only this one inherits, when <c>started</c> takes it back.
    /// </summary>
    public Action? Starting { get; init; }

    /// <summary>Runs the program until it ends.</summary>
    /// <param name="started">Gets the process id, before another program starts.</param>
    /// <param name="interrupt">Sends SIGINT, and kills the process five seconds later.</param>
    /// <param name="kill">Kills the process and its children at once.</param>
    /// <returns>Its exit code; null when one of the tokens ended it.</returns>
    /// <exception cref="Win32Exception">The program does not start.</exception>
    public async Task<int?> RunAsync(Action<int>? started, CancellationToken interrupt, CancellationToken kill)
    {
        using var forceful = CancellationTokenSource.CreateLinkedTokenSource(kill);
        using var drained = new CancellationTokenSource();
        await using var patience = interrupt.Register(() => forceful.CancelAfter(PatienceAfterInterrupt));

        // The long constructor, because the short one reads this program's own working folder.
        var command = new Command(
            Program,
            "",
            Folder,
            ResourcePolicy.Default,
            Credentials.Default,
            Environment,
            CommandResultValidation.None,
            PipeSource.Create((input, ended) =>
            {
                ended.Register(() => drained.CancelAfter(LongestDrain));
                return Input?.Invoke(input, ended) ?? Task.CompletedTask;
            }),
            PipeTarget.Create((stream, _) => Output(stream, drained.Token)),
            PipeTarget.Create((stream, _) => Errors(stream, drained.Token))).WithArguments(Arguments);
        try
        {
            CommandTask<CommandResult> running;
            lock (OneStartAtATime)
            {
                Starting?.Invoke();
                running = command.ExecuteAsync(forceful.Token, interrupt);
                started?.Invoke(running.ProcessId);
            }

            return (await running).ExitCode;
        }
        catch (Exception ended) when (
            ended is OperationCanceledException or TimeoutException
            && (interrupt.IsCancellationRequested || kill.IsCancellationRequested))
        {
            // A token ended it, or the kernel has not ended it yet. The caller knows the reason.
            return null;
        }
    }
}
