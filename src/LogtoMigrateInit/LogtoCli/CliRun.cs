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

/// <summary>How a run of the CLI ended. Its exit code proves nothing: it is 0 also when nothing was deployed.</summary>
/// <param name="End">By itself, or why we ended it.</param>
/// <param name="ExitCode">Null when we ended it.</param>
/// <param name="Failed">The alteration that the CLI named as failed; null when it named none.</param>
/// <param name="Complaint">What it said of what went wrong, masked; empty when it said nothing.</param>
/// <param name="GuardsReason">Why its guard ended it; null when it did not.</param>
/// <param name="FoundNoConnection">The server was full, or too busy to answer it.</param>
/// <param name="Finished">How many alterations it reported as done.</param>
internal sealed record CliRun(
    CliEnd End, int? ExitCode, string? Failed, string Complaint, string? GuardsReason, bool FoundNoConnection, int Finished)
{
    /// <summary>How long it waited before it was allowed to connect.</summary>
    public TimeSpan Waited { get; init; }

    /// <summary>Whether it reported the start of an alteration.</summary>
    public bool HasBegun { get; init; }

    /// <summary>Why its statement was cancelled, so that others did not wait behind it: a clause; null when it was not.</summary>
    public string? GaveWay { get; init; }

    /// <summary>A process that a signal ended has this and the signal's number as its exit code.</summary>
    private const int EndedBySignal = 128;

    /// <summary>The exit code for a sentence, with the signal that it stands for.</summary>
    public string Ending => Describe(ExitCode);

    /// <summary>An exit code for a sentence, with the signal that it stands for.</summary>
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
