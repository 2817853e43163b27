using System.ComponentModel;
using CliWrap;

namespace LogtoMigrateInit.Processes;

/// <summary>A program, and what it is started with.</summary>
/// <param name="Program">An absolute path: by its name alone .NET would look in the working folder first, and take what is not executable.</param>
/// <param name="Arguments">No secret belongs here: every user of the machine can read them.</param>
/// <param name="Environment">Set on top of our own environment; null removes a variable.</param>
/// <param name="Folder">Where it works; our own may be gone.</param>
internal sealed record ChildProcess(string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string?> Environment, string Folder = "/")
{
    /// <summary>Docker grants ten seconds in all; every program that we run ends in milliseconds.</summary>
    private static readonly TimeSpan PatienceAfterInterrupt = TimeSpan.FromSeconds(5);

    /// <summary>What is still in the pipes is read in milliseconds; what inherited them may never close them.</summary>
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(1);

    /// <summary>Writes its standard input until the token says that it has ended; null: it reads nothing.</summary>
    public Func<Stream, CancellationToken, Task>? Input { get; init; }

    /// <summary>Reads its standard output until the end; the token says that nothing of its own can come any more.</summary>
    public required Func<Stream, CancellationToken, Task> Output { get; init; }

    /// <summary>The same for standard error.</summary>
    public required Func<Stream, CancellationToken, Task> Errors { get; init; }

    /// <summary>Runs it to its end.</summary>
    /// <param name="started">Is told its process id.</param>
    /// <param name="interrupt">When cancelled, it gets SIGINT, and is killed five seconds later.</param>
    /// <param name="kill">When cancelled, it and its children are killed at once.</param>
    /// <returns>Its exit code; null when we ended it.</returns>
    /// <exception cref="Win32Exception">It does not start.</exception>
    public async Task<int?> RunAsync(Action<int>? started, CancellationToken interrupt, CancellationToken kill)
    {
        using var forceful = CancellationTokenSource.CreateLinkedTokenSource(kill);
        using var drained = new CancellationTokenSource();
        await using var patience = interrupt.Register(() => forceful.CancelAfter(PatienceAfterInterrupt));

        // With all parts, because the short way asks for our own working folder.
        var command = new Command(
            Program, "", Folder, ResourcePolicy.Default, Credentials.Default, Environment, CommandResultValidation.None,
            PipeSource.Create((input, ended) =>
            {
                ended.Register(() => drained.CancelAfter(LongestDrain));
                return Input?.Invoke(input, ended) ?? Task.CompletedTask;
            }),
            PipeTarget.Create((stream, _) => Output(stream, drained.Token)),
            PipeTarget.Create((stream, _) => Errors(stream, drained.Token))).WithArguments(Arguments);
        try
        {
            var running = command.ExecuteAsync(forceful.Token, interrupt);
            started?.Invoke(running.ProcessId);
            return (await running).ExitCode;
        }
        catch (Exception ended) when (ended is OperationCanceledException or TimeoutException && (interrupt.IsCancellationRequested || kill.IsCancellationRequested))
        {
            // We ended it, or the kernel does not let it go yet; the caller knows why.
            return null;
        }
    }
}
