using System.Diagnostics.CodeAnalysis;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// The pauses between attempts. They double up to a limit, and each is shortened at random by up to a half, so that replicas do not try at
/// the same time.
/// </summary>
internal sealed class Backoff
{
    private TimeSpan _next = TimeSpan.Zero;

    /// <summary>Returns the next pause.</summary>
    /// <param name="load">The server's load at the last attempt.</param>
    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It only spreads polls.")]
    public TimeSpan Next(ServerLoad load = ServerLoad.Unknown)
    {
        var (first, longest) = Limits(load);
        _next = _next > first ? _next : first;
        var pause = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < longest ? _next * 2 : longest;
        return pause;
    }

    /// <summary>
    /// Returns longer pauses for a full server. Reason: each attempt costs it a process and a password check, and the attempts of two
    /// hundred replicas would leave no connection to the one that migrates. A busy server does the work of an attempt even after the client
    /// has given up. An unreachable server may still be starting, so it is tried often.
    /// </summary>
    private static (TimeSpan First, TimeSpan Longest) Limits(ServerLoad load) => load switch
    {
        ServerLoad.Full => (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30)),
        ServerLoad.Busy => (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)),
        _ => (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)),
    };
}
