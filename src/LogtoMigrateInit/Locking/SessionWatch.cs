using System.Diagnostics;
using System.Globalization;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Looks at what the sessions of the migration wait for, names it once, and keeps other runs' CLIs out. Watching is a comfort: a server
/// that we cannot reach now must not end a deploy that has its connection.
/// </summary>
/// <param name="database">Where the sessions are.</param>
/// <param name="name">The sessions' <c>application_name</c>.</param>
/// <param name="lease">After so long without a look the server ends our own session.</param>
/// <param name="logger">Names the blockers.</param>
internal sealed class SessionWatch(LogtoDatabase database, string name, TimeSpan lease, ILogger logger) : IAsyncDisposable
{
    /// <summary>The pause between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly HashSet<int> _reported = [];
    private readonly HashSet<SessionlessWait> _reportedWaits = [];
    private long _reportedQueue;
    private long? _lastWait;

    /// <summary>
    /// Kept from look to look, for a new one costs the server a process; idle and outside of a transaction it holds nothing.
    /// </summary>
    private NpgsqlConnection? _connection;

    /// <summary>
    /// How long others may wait behind a statement of ours that waits for a lock itself, before it is cancelled. Zero: no limit.
    /// </summary>
    public TimeSpan LongestQueue { get; init; }

    /// <summary>Why a statement of ours was cancelled: a clause; null when none was.</summary>
    public string? GaveWay { get; private set; }

    /// <summary>What the watched sessions waited for at the last look that succeeded: a phrase; null when for nothing.</summary>
    public string? WaitsFor { get; private set; }

    /// <summary>The same of the last look that saw them wait: a look after the wait's end does not forget it. Null when none has.</summary>
    public string? LastWait { get; private set; }

    /// <summary>One of the last looks saw the watched sessions wait: a look after the wait's end does not deny it.</summary>
    public bool HasJustWaited => _lastWait is { } last && Stopwatch.GetElapsedTime(last) < Interval + LongestLook;

    /// <summary>Names what the watched sessions wait for, each once, and ends sessions of other runs' CLIs.</summary>
    /// <param name="migrationLock">Lost when the server no longer knows it as ours, which its own half-open connection cannot tell.</param>
    /// <returns>What the watched sessions do; null when the server did not tell.</returns>
    public Task<SessionActivity?> LookAsync(MigrationLock migrationLock) => AskAsync<SessionActivity?>(async (connection, token) =>
    {
        if (!await LockQueries.IsHeldByAsync(connection, migrationLock.Pid, token))
        {
            await migrationLock.LoseAsync("the server has given it up");
            return null;
        }

        await ReportWaitsAsync(connection, token);
        await GiveWayAsync(connection, token);

        // A CLI that was frozen together with its program may wake up at any time, and connect again.
        foreach (var session in (await SessionQueries.FenceAsync(connection, name, migrationLock.Pid, token)).Ended)
        {
            logger.EndedSession($"{session}");
        }

        return await SessionQueries.ReadActivityAsync(connection, name, token);
    });

    /// <summary>Names what the watched sessions wait for, each once, and touches nothing: for those who do not hold the lock.</summary>
    public Task ReportWaitsAsync() => AskAsync(async (connection, token) =>
    {
        await ReportWaitsAsync(connection, token);
        return true;
    });

    /// <summary>How many more sessions the CLI can have; null when the server did not tell.</summary>
    public Task<long?> CountFreeSlotsAsync() => AskAsync<long?>(
        async (connection, token) => await SessionQueries.CountFreeSlotsAsync(connection, token));

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await LogtoDatabase.CloseAsync(_connection);
        }
    }

    private async Task ReportWaitsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var blockers = await SessionQueries.FindBlockersAsync(connection, name, cancellationToken);
        foreach (var blocker in blockers.Where(blocker => _reported.Add(blocker.Pid)))
        {
            logger.Blocked($"{blocker}", blocker.Query, blocker.Pid);
        }

        var waits = await WaitQueries.FindAsync(connection, name, cancellationToken);
        foreach (var wait in waits.Where(_reportedWaits.Add))
        {
            logger.Waits(wait.What, wait.Remedy);
        }

        WaitsFor = blockers is [var first, ..] ? $"a lock of {first}, running: " +
            $"{first.Query}" : waits is [var sessionless, ..] ? sessionless.What : null;
        LastWait = WaitsFor ?? LastWait;
        _lastWait = WaitsFor is null ? _lastWait : Stopwatch.GetTimestamp();
    }

    /// <summary>Says how many sessions wait behind ours, and cancels what lets them wait for too long.</summary>
    private async Task GiveWayAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (WaitsFor is null || await SessionQueries.FindQueueAsync(connection, name, cancellationToken) is not { } queue)
        {
            _reportedQueue = 0;
            return;
        }

        if (LongestQueue > TimeSpan.Zero && queue.Longest >= LongestQueue)
        {
            await SessionQueries.CancelAsync(connection, queue.Pid, cancellationToken);
            GaveWay = string.Create(
                CultureInfo.InvariantCulture,
                $"it waited for {WaitsFor}, and {Count(queue.Count)} had waited behind it for {queue.Longest.TotalSeconds:0} s");
        }
        else if (queue.Count >= _reportedQueue * 2)
        {
            _reportedQueue = Math.Max(queue.Count, 1);
            logger.OthersWait(Count(queue.Count), queue.Longest.TotalSeconds);
        }

        static string Count(long sessions) => sessions == 1 ? "1 other session" : $"{sessions} other sessions";
    }

    /// <returns>Null when the server did not answer in time, or not at all.</returns>
    private async Task<T?> AskAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> ask)
    {
        using var brief = new CancellationTokenSource(LongestLook);
        try
        {
            return await AskAsync(ask, brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException || DatabaseException.From(failure) is not null)
        {
            return default;
        }
    }

    private async Task<T> AskAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        var isNew = _connection is null;
        var connection = _connection ?? await database.OpenAsync(cancellationToken);
        _connection = null; // comes back only when it has answered
        try
        {
            if (isNew)
            {
                await SessionQueries.EndWhenIdleAsync(connection, lease, cancellationToken);
            }

            var answer = await ask(connection, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested(); // nobody waits for this look any more, and the next may have begun
            _connection = connection;
            return answer;
        }
        finally
        {
            if (_connection != connection)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
