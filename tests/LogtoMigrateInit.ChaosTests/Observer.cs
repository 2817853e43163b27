using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Npgsql;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>
/// Looks at the database from outside, a hundred times a second and through every restart: no two CLIs at once, and the state never
/// goes back.
/// </summary>
internal sealed class Observer : IAsyncDisposable
{
    public const string GateName = "logto-migrate-init";
    public const string CliPrefix = GateName + "-cli-";

    /// <summary>The gate's own repair bears a CLI's name without being one.</summary>
    private const string RepairName = CliPrefix + "repair";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    // One snapshot of the sessions. The CLI reads the state in a statement of its own, which is no danger; what has written, holds
    // or wants a lock, or idles in a transaction, is in the middle of an alteration.
    private const string Sessions = $"""
        select a.application_name, format('pid %s, %s, %s: %s', a.pid, a.state, coalesce(l.modes, 'no locks'), left(regexp_replace(a.query, '\s+', ' ', 'g'), 100))
          from pg_stat_activity a
          left join lateral (select string_agg(distinct mode, '+') as modes from pg_locks where pid = a.pid and locktype = 'relation' and mode <> 'AccessShareLock') l on true
          where a.datname = current_database() and starts_with(a.application_name, '{CliPrefix}') and a.application_name <> '{RepairName}'
            and a.state <> 'idle' and a.xact_start is not null and (a.backend_xid is not null or l.modes is not null or a.state <> 'active')
        """;

    private readonly PostgresServer _server;
    private readonly string _database;
    private readonly Chronicle _chronicle;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _clis = [];
    private readonly Task _watching;
    private decimal _state;
    private long _looks;

    public Observer(PostgresServer server, string database, Chronicle chronicle)
    {
        (_server, _database, _chronicle) = (server, database, chronicle);
        // Two connections, because reading the state may have to wait for a lock.
        _watching = Task.WhenAll(WatchAsync(LookAtSessionsAsync), WatchAsync(LookAtStateAsync));
    }

    public long Looks => Interlocked.Read(ref _looks);

    public static bool IsCli(string applicationName) => applicationName.StartsWith(CliPrefix, StringComparison.Ordinal) && applicationName != RepairName;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync(Func<NpgsqlConnection, Task> look)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await _server.OpenAsync(_database, _stop.Token);
                while (true)
                {
                    await look(connection);
                    await Task.Delay(Pause, _stop.Token);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (NpgsqlException)
            {
                // The server restarts.
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }

    private async Task LookAtSessionsAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand(Sessions, connection);
        await using var reader = await command.ExecuteReaderAsync(_stop.Token);
        var atWork = new List<(string Name, string What)>();
        while (await reader.ReadAsync(_stop.Token))
        {
            atWork.Add((reader.GetString(0), reader.GetString(1)));
        }

        Interlocked.Increment(ref _looks);
        foreach (var (name, what) in atWork)
        {
            if (_clis.Add(name))
            {
                _chronicle.Note($"{name} begins to work ({what})");
            }
        }

        if (atWork.DistinctBy(session => session.Name).ToList() is [var first, var second, ..])
        {
            _chronicle.Violate(
                $"two CLIs are in a transaction at once: {first.Name} and {second.Name}",
                string.Join("; ", atWork.Select(session => $"{session.Name} {session.What}")));
        }
    }

    private async Task LookAtStateAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("select (value->>'timestamp')::numeric from systems where key = 'alterationState'", connection);
        var state = await command.ExecuteScalarAsync(_stop.Token) as decimal? ?? 0;
        if (state < _state)
        {
            _chronicle.Violate(string.Create(CultureInfo.InvariantCulture, $"the state went back from {_state} to {state}"));
        }
        else if (state > _state)
        {
            _chronicle.Note(string.Create(CultureInfo.InvariantCulture, $"state {state}"));
        }

        _state = state;
    }
}
