using System.Diagnostics.CodeAnalysis;

namespace LogtoMigrateInit.Database;

/// <summary>
/// The pauses between polls: short at first, then half a second to a second at random, so that many replicas do not come all at once.
/// </summary>
internal sealed class Backoff
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A full server is given more time, the longer it is full: each attempt costs it a process and a password check, as one that succeeds does,
    /// and those of two hundred replicas would leave nothing to the one that migrates.
    /// </summary>
    private static readonly TimeSpan FirstWhenFull = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestWhenFull = TimeSpan.FromSeconds(30);

    private TimeSpan _next = First;

    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It spreads polls; nobody gains from guessing it.")]
    public TimeSpan Next(bool serverIsFull = false)
    {
        var (first, longest) = serverIsFull ? (FirstWhenFull, LongestWhenFull) : (First, Longest);
        _next = _next > first ? _next : first;
        var pause = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < longest ? _next * 2 : longest;
        return pause;
    }
}
