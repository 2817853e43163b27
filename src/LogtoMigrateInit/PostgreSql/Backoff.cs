using System.Diagnostics.CodeAnalysis;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// The pauses between polls: short at first, then half a second to a second at random, so that many replicas do not come all at once.
/// </summary>
internal sealed class Backoff
{
    private TimeSpan _next = TimeSpan.Zero;

    /// <param name="load">What the last attempt told of the server.</param>
    [SuppressMessage("Security", "CA5394:Do not use insecure randomness", Justification = "It spreads polls; nobody gains from guessing it.")]
    public TimeSpan Next(ServerLoad load = ServerLoad.Unknown)
    {
        var (first, longest) = Limits(load);
        _next = _next > first ? _next : first;
        var pause = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < longest ? _next * 2 : longest;
        return pause;
    }

    /// <summary>
    /// A full server is given more time, the longer it is full: each attempt costs it a process and a password check, as one that succeeds does,
    /// and those of two hundred replicas would leave nothing to the one that migrates. A busy one does the work of an attempt also for whoever has
    /// given up; but what does not answer may as well be a host that has not come up yet, and that is found soon.
    /// </summary>
    private static (TimeSpan First, TimeSpan Longest) Limits(ServerLoad load) => load switch
    {
        ServerLoad.Full => (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30)),
        ServerLoad.Busy => (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)),
        _ => (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)),
    };
}
