using System.Diagnostics.CodeAnalysis;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The pauses of one waiter, chosen so that all waiters together look about equally often however many they are: a look costs the
/// server a process and both sides a password check, so the looks of many would starve the one that migrates.
/// </summary>
/// <remarks>
/// Nobody counts the waiters. Each reads how many sessions the database has had at all, and what was added since its own last look
/// is, as all pause alike, the number of waiters. Measured: <c>bench/README.md</c>, "Replicas that wait".
/// </remarks>
internal sealed class Pace
{
    /// <summary>Of all waiters together. At 11 ms of processor time for a look of a waiter, a fifth of one core.</summary>
    private const double LooksPerSecond = 20;

    /// <summary>So that a few waiters pass within a second.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.5);

    /// <summary>Whoever else connects often must not put a waiter to sleep, so a short wait is never followed by a long pause.</summary>
    private static readonly TimeSpan LongestAtFirst = TimeSpan.FromSeconds(2.5);

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    private long? _sessions;

    /// <summary>The pause after a look that found somebody else at work.</summary>
    /// <param name="waited">How long this waiter has waited so far.</param>
    /// <param name="sessions">How many sessions the database has had; null when the server did not tell.</param>
    [SuppressMessage("Security", "CA5394:Do not use insecure " +
        "randomness", Justification = "It spreads looks; nobody gains from guessing it.")]
    public TimeSpan Next(TimeSpan waited, long? sessions) => Next(waited, sessions, Random.Shared.NextDouble());

    /// <param name="waited">See the other one.</param>
    /// <param name="sessions">See the other one.</param>
    /// <param name="chance">From 0 to 1: spreads the looks of those that began together.</param>
    internal TimeSpan Next(TimeSpan waited, long? sessions, double chance)
    {
        // A server that was started again counts anew.
        var waiters = sessions > _sessions ? sessions - _sessions : null;
        _sessions = sessions;
        var crowd = TimeSpan.FromSeconds((waiters ?? 0) / LooksPerSecond);
        var limit = Max(LongestAtFirst, waited / 2);
        return Max(Shortest, Min(crowd, Min(limit, Longest))) * (1 - (0.3 * chance));
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
