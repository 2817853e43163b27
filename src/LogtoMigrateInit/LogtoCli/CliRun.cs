using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Why the CLI is no longer running.</summary>
internal enum CliEnd
{
    ByItself,
    TimedOut,
    ConnectionLost,
    LockLost,
    Stopped,
}

/// <summary>The result of a run of the CLI. The exit code does not prove a deploy: it is also 0 when nothing was deployed.</summary>
/// <param name="End">Why the CLI runs no longer; also <c>ByItself</c> if its guard ended it (<paramref name="GuardsReason"/>).</param>
/// <param name="ExitCode">Null when this program ended the CLI.</param>
/// <param name="Failed">The file name of the alteration that the CLI reported as failed; null when it reported none.</param>
/// <param name="Complaint">The reason that the CLI printed, with secrets masked; empty when it printed nothing.</param>
/// <param name="GuardsReason">The reason why the guard ended the CLI; null when it did not.</param>
/// <param name="FoundNoConnection">Whether the server had no free connection, or did not answer within the CLI's five seconds.</param>
/// <param name="Finished">The number of alterations that the CLI reported as done.</param>
internal sealed record CliRun(
    CliEnd End, int? ExitCode, string? Failed, string Complaint, string? GuardsReason, bool FoundNoConnection, int Finished)
{
    /// <summary>How long the CLI waited until it was allowed to connect.</summary>
    public TimeSpan Waited { get; init; }

    /// <summary>Whether the CLI reported the start of an alteration.</summary>
    public bool HasBegun { get; init; }

    /// <summary>A clause: why the program canceled a statement of the CLI in favor of other sessions; null when it did not.</summary>
    public string? GaveWay { get; init; }

    /// <summary>The exit code of a process that a signal ended is 128 plus the signal's number.</summary>
    private const int EndedBySignal = 128;

    /// <summary>The exit code as text, with the name of its signal.</summary>
    public string ExitCodeText => Describe(ExitCode);

    /// <summary>A clause: what the CLI printed, with its exit code; only the exit code when it printed nothing.</summary>
    public string Reason => Complaint.Length > 0
        ? $"{Complaint.TrimEnd('.')} (exit code {ExitCodeText})"
        : $"it printed nothing and ended with exit code {ExitCodeText}";

    /// <summary>An imperative clause for the operator.</summary>
    public string Remedy => ExitCode == EndedBySignal + 9 ? "give the container more memory" : "correct what it names";

    /// <summary>Returns an exit code as text, with the name of its signal.</summary>
    public static string Describe(int? exitCode) => (exitCode - EndedBySignal) switch
    {
        9 => $"{exitCode} (SIGKILL, probably because the container or the machine ran out of memory)",
        1 => $"{exitCode} (SIGHUP)",
        2 => $"{exitCode} (SIGINT)",
        3 => $"{exitCode} (SIGQUIT)",
        4 => $"{exitCode} (SIGILL, as of a processor that this Node.js is not made for)",
        6 => $"{exitCode} (SIGABRT)",
        7 => $"{exitCode} (SIGBUS)",
        8 => $"{exitCode} (SIGFPE)",
        11 => $"{exitCode} (SIGSEGV)",
        13 => $"{exitCode} (SIGPIPE)",
        15 => $"{exitCode} (SIGTERM)",
        24 => $"{exitCode} (SIGXCPU)",
        31 => $"{exitCode} (SIGSYS, as of a seccomp profile)",
        > 0 and <= 64 and var signal => $"{exitCode} (signal {signal})",
        _ => $"{exitCode}",
    };
}
