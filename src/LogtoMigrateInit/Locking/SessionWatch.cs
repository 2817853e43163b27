using System.Diagnostics;
using System.Globalization;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// Polls what the watched sessions wait for, logs each cause once, and terminates sessions of other runs' CLIs. A poll that fails has no
/// consequence: the deploy has its own connection, and must continue when the watch cannot connect.
/// </summary>
/// <param name="name">The <c>application_name</c> of the watched sessions.</param>
/// <param name="lease">The idle time after which the server ends the watch's own session.</param>
internal sealed class SessionWatch(LogtoDatabase database, string name, TimeSpan lease, ILogger logger) : IAsyncDisposable
{
    /// <summary>The pause between two polls.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly HashSet<int> _reported = [];
    private readonly HashSet<SessionlessWait> _reportedWaits = [];
    private long _reportedQueue;
    private long? _lastWait;

    /// <summary>
    /// The connection is kept between polls, because a new one costs the server a process. While idle it holds no lock and no snapshot.
    /// </summary>
    private NpgsqlConnection? _connection;

    /// <summary>
    /// How long other sessions may wait behind a watched statement that itself waits for a lock. Then the watch cancels the statement.
    /// Zero: no limit.
    /// </summary>
    public TimeSpan LongestQueue { get; init; }

    /// <summary>A clause: why the watch canceled a statement; null when it canceled none.</summary>
    public string? GaveWay { get; private set; }

    /// <summary>A phrase: what the watched sessions waited for at the last successful poll; null when they did not wait.</summary>
    public string? WaitsFor { get; private set; }

    /// <summary>
    /// A phrase: the last thing for which the watched sessions waited. It stays after the wait has ended. Null: they never waited.
    /// </summary>
    public string? LastWait { get; private set; }

    /// <summary>Whether a poll of the last three seconds saw the watched sessions wait, even if the wait has ended since.</summary>
    public bool HasJustWaited => _lastWait is { } last && Stopwatch.GetElapsedTime(last) < Interval + LongestLook;

    /// <summary>Logs what the watched sessions wait for, each cause once, and terminates sessions of other runs' CLIs.</summary>
    /// <param name="migrationLock">
    /// Declared lost if the server no longer knows this run as the holder. The lock's own connection cannot notice that when it is half
    /// open.
    /// </param>
    /// <returns>The activity of the watched sessions; null when the server did not answer, or when the lock is lost.</returns>
    public Task<SessionActivity?> LookAsync(MigrationLock migrationLock) => AskAsync<SessionActivity?>(async (connection, token) =>
    {
        if (!await LockQueries.IsHeldByAsync(connection, migrationLock.Pid, token))
        {
            await migrationLock.LoseAsync("the server has given it up");
            return null;
        }

        await ReportWaitsAsync(connection, token);
        await GiveWayAsync(connection, token);

        // A CLI that was suspended with its program may resume at any time and connect again.
        foreach (var session in (await SessionQueries.FenceAsync(connection, name, migrationLock.Pid, token)).Ended)
        {
            logger.EndedSession($"{session}");
        }

        return await SessionQueries.ReadActivityAsync(connection, name, token);
    });

    /// <summary>Logs what the watched sessions wait for, each cause once, and changes nothing. It needs no lock.</summary>
    public Task ReportWaitsAsync() => AskAsync(async (connection, token) =>
    {
        await ReportWaitsAsync(connection, token);
        return true;
    });

    /// <summary>Returns how many more sessions the CLI can open; null when the server did not answer.</summary>
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

    /// <summary>Logs how many sessions wait behind a watched one, and cancels its statement when they wait for too long.</summary>
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
        _connection = null; // kept again only after an answer
        try
        {
            if (isNew)
            {
                await SessionQueries.EndWhenIdleAsync(connection, lease, cancellationToken);
            }

            var answer = await ask(connection, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested(); // this poll was abandoned, and the next may have begun
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
