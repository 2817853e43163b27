using System.Globalization;
using System.Threading.Channels;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Locking;

/// <summary>
/// The migration lock, which at most one replica holds: a transaction-level advisory lock on its own connection. Such a lock works through
/// PgBouncer in transaction mode and ends with its client. It is a lease: the server keeps it while heartbeats arrive. When this machine
/// disappears, the server's idle time-out ends it.
/// </summary>
/// <remarks>
/// An operator finds the holder with <c>select pid from pg_locks where locktype = 'advisory' and granted</c> and can end it with
/// <c>select pg_terminate_backend(pid)</c>.
/// </remarks>
internal sealed class MigrationLock : IAsyncDisposable
{
    /// <summary>
    /// The first eight bytes of SHA-256("logto-migrate-init"), read as a big-endian signed integer. It must never change, because different
    /// versions of this program exclude each other with it. Advisory locks are per database already.
    /// </summary>
    public const long Key = -4823972487516092882;

    private readonly NpgsqlConnection _connection;
    private readonly Timings _timings;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _released = new();
    private readonly Channel<TaskCompletionSource> _questions = Channel.CreateUnbounded<TaskCompletionSource>();
    private readonly Task _beating;

    private MigrationLock(NpgsqlConnection connection, Timings timings, ILogger logger)
    {
        (_connection, _timings, _logger) = (connection, timings, logger);
        Pid = connection.ProcessID; // a broken connection no longer has it
        _beating = BeatAsync();
    }

    /// <summary>Canceled when the lock may be lost, so that another run may be migrating.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>The server process of the session that holds the lock.</summary>
    public int Pid { get; }

    /// <summary>
    /// Tries once. It never waits in the server, because a waiting session's snapshot would block Logto's index builds forever.
    /// </summary>
    /// <returns>
    /// Null when another session holds the lock; then the connection is outside a transaction. Otherwise the lock owns the connection.
    /// </returns>
    public static async Task<MigrationLock?> TryTakeAsync(
        NpgsqlConnection connection, Timings timings, ILogger logger, CancellationToken cancellationToken)
    {
        var lease = Lease(timings);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("begin isolation level read committed"), new(lease) } };
        if (connection.PostgreSqlVersion.Major >= 17)
        {
            batch.BatchCommands.Add(new("set local transaction_timeout = 0"));
        }

        batch.BatchCommands.Add(new(string.Create(CultureInfo.InvariantCulture, $"select pg_try_advisory_xact_lock({Key})")));

        // Npgsql's unnamed portal keeps the snapshot of the last SELECT, and `create index concurrently` would wait for it forever. A
        // utility statement replaces the portal.
        batch.BatchCommands.Add(new(lease));
        var taken = (bool)(await batch.ExecuteScalarAsync(cancellationToken))!;
        if (taken)
        {
            return new MigrationLock(connection, timings, logger);
        }

        // A waiting replica keeps the connection. Inside a transaction it would hold a snapshot, and Logto's index builds would wait for
        // it.
        await ExecuteAsync(connection, "rollback", cancellationToken);
        return null;
    }

    /// <summary>Releases the lock by closing its connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _beating;
        await LogtoDatabase.CloseAsync(_connection); // if the server does not notice, the lease ends the lock

        _lost.Dispose();
        _released.Dispose();
    }

    /// <summary>Waits until the server answers an extra heartbeat, which proves that this run still holds the lock.</summary>
    /// <exception cref="OperationCanceledException">The lock is lost or released.</exception>
    public async Task ConfirmAsync()
    {
        var question = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_lost.Token, _released.Token);
        await _questions.Writer.WriteAsync(question, ended.Token);
        await question.Task.WaitAsync(ended.Token);
    }

    /// <summary>Declares the lock lost, even if its connection still looks healthy.</summary>
    /// <param name="reason">A clause for the log.</param>
    public async Task LoseAsync(string reason)
    {
        if (!_lost.IsCancellationRequested)
        {
            _logger.LockLost(reason);
            await _lost.CancelAsync();
        }
    }

    private static string Lease(Timings timings) =>
        string.Create(CultureInfo.InvariantCulture, $"set local idle_in_transaction_session_timeout = {timings.Lease.TotalMilliseconds:0}");

    /// <summary>Sends heartbeats. Treats the lock as lost if they end for any reason other than a release.</summary>
    private async Task BeatAsync()
    {
        try
        {
            var asked = _questions.Reader.WaitToReadAsync(_released.Token).AsTask();
            while (true)
            {
                await Task.WhenAny(asked, Task.Delay(_timings.Beat, _released.Token));
                _released.Token.ThrowIfCancellationRequested();
                var questions = new List<TaskCompletionSource>();
                while (_questions.Reader.TryRead(out var question))
                {
                    questions.Add(question);
                }

                await AnswerOfAsync(ExecuteAsync(_connection, Lease(_timings), CancellationToken.None));
                questions.ForEach(question => question.TrySetResult());
                asked = asked.IsCompleted ? _questions.Reader.WaitToReadAsync(_released.Token).AsTask() : asked;
            }
        }
        catch (OperationCanceledException) when (_released.IsCancellationRequested)
        {
            // The lock was released.
        }
#pragma warning disable CA1031 // A surprise must not leave a CLI running without a lock.
        catch (Exception broken)
#pragma warning restore CA1031
        {
            await LoseAsync(broken.Message);
        }
    }

    /// <summary>
    /// Waits for the server's answer to a heartbeat. It counts pauses: an answer that arrived while this process was suspended is found at
    /// the next count.
    /// </summary>
    /// <exception cref="TimeoutException">No answer came within <see cref="Timings.UnansweredBeats"/> pauses.</exception>
    private async Task AnswerOfAsync(Task beat)
    {
        for (var unanswered = 0; unanswered < Timings.UnansweredBeats; unanswered++)
        {
            if (await Task.WhenAny(beat, Task.Delay(_timings.Beat, _released.Token)) == beat)
            {
                await beat;
                return;
            }

            _released.Token.ThrowIfCancellationRequested();
        }

        throw new TimeoutException($"the server has not answered for {(_timings.Beat * Timings.UnansweredBeats).TotalSeconds:0} s");
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        // No time-out of the driver: its clock also runs while this process is suspended. AnswerOfAsync counts instead.
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
