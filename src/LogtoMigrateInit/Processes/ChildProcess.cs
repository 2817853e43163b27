using System.ComponentModel;
using CliWrap;

namespace LogtoMigrateInit.Processes;

/// <summary>A program to run as a child process.</summary>
/// <param name="Program">An absolute path. For a bare name .NET searches the working folder first, and ignores the executable bit.</param>
/// <param name="Arguments">The arguments. They must contain no secret, because every user of the machine can read them.</param>
/// <param name="Environment">Variables in addition to this program's environment; null removes one.</param>
/// <param name="Folder">The working folder. This program's own folder may have been deleted, so the default is the root.</param>
internal sealed record ChildProcess(
    string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string?> Environment, string Folder = "/")
{
    /// <summary>
    /// The time between SIGINT and SIGKILL. Docker grants ten seconds in all; the programs usually end within milliseconds.
    /// </summary>
    private static readonly TimeSpan PatienceAfterInterrupt = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The longest time to read the rest of the pipes. Reading takes milliseconds, but another process that inherited a pipe may never
    /// close it.
    /// </summary>
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(1);

    private static readonly Lock OneStartAtATime = new();

    /// <summary>Writes the standard input. The end of the process cancels its token. Null: no input.</summary>
    public Func<Stream, CancellationToken, Task>? Input { get; init; }

    /// <summary>Reads the standard output to its end. Its token is canceled one second after the end of the process.</summary>
    public required Func<Stream, CancellationToken, Task> Output { get; init; }

    /// <summary>Reads the standard error, like <see cref="Output"/>.</summary>
    public required Func<Stream, CancellationToken, Task> Errors { get; init; }

    /// <summary>
    /// Called just before the start, while no other child process starts; null: nothing. If it makes a handle inheritable and
    /// <c>started</c> closes the handle, only this program inherits it.
    /// </summary>
    public Action? Starting { get; init; }

    /// <summary>Runs the program to its end.</summary>
    /// <param name="started">Receives the process id, before another child process starts.</param>
    /// <param name="interrupt">When canceled, sends SIGINT, and kills the process five seconds later.</param>
    /// <param name="kill">When canceled, kills the process and its children immediately.</param>
    /// <returns>The exit code; null when one of the tokens ended the process.</returns>
    /// <exception cref="Win32Exception">The program does not start.</exception>
    public async Task<int?> RunAsync(Action<int>? started, CancellationToken interrupt, CancellationToken kill)
    {
        using var forceful = CancellationTokenSource.CreateLinkedTokenSource(kill);
        using var drained = new CancellationTokenSource();
        await using var patience = interrupt.Register(() => forceful.CancelAfter(PatienceAfterInterrupt));

        // Use the long constructor, because the short one reads this program's working folder, which may be gone.
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
            // A token ended the process, or the kernel has not ended it yet. The caller knows the reason.
            return null;
        }
    }
}
