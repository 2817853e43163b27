using System.Diagnostics.CodeAnalysis;

namespace LogtoMigrateInit.Database;

/// <summary>
/// The pauses between polls: short at first, then half a second to a second at random, so that many replicas do not come all at once.
/// </summary>
internal sealed class Backoff
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>A full server is given twice as long, and again, up to this.</summary>
    private static readonly TimeSpan LongestWhenFull = TimeSpan.FromSeconds(4);

    private TimeSpan _next = First;

    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It spreads polls; nobody gains from guessing it.")]
    public TimeSpan Next(bool serverIsFull = false)
    {
        var pause = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        var longest = serverIsFull ? LongestWhenFull : Longest;
        _next = _next * 2 < longest ? _next * 2 : longest;
        return pause;
    }
}
