using System.Diagnostics;
using Npgsql;

namespace LogtoMigrateInit.EndToEndTests.Load;

/// <summary>Another client of the same user, as Logto is one: every second it opens a connection and asks one question.</summary>
internal sealed class Neighbor : IAsyncDisposable
{
    /// <summary>The replicas that start at once may fill the server for this long.</summary>
    private static readonly TimeSpan Rush = TimeSpan.FromSeconds(5);

    private const int Enough = 5;

    private readonly CancellationTokenSource _stop;
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<List<string>> _connecting;

    public Neighbor(string url, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _connecting = ConnectAsync(new Uri(url));
    }

    /// <summary>Waits until it has tried a few times after the rush.</summary>
    public Task HasTriedAsync() => Task.WhenAny(_tried.Task, _connecting);

    /// <summary>Returns when it found no room after the rush, in seconds since it began.</summary>
    public async Task<List<string>> StopAsync()
    {
        await _stop.CancelAsync();
        return await _connecting;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task<List<string>> ConnectAsync(Uri url)
    {
        var user = url.UserInfo.Split(':');
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user[1],
            Database = url.AbsolutePath[1..],
            Pooling = false,
        };
        var refused = new List<string>();
        var started = Stopwatch.GetTimestamp();
        var tries = 0;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(builder.ConnectionString);
                await connection.OpenAsync(CancellationToken.None);
                await using var command = new NpgsqlCommand("select 1", connection); // a pooler gives it a server only now
                await command.ExecuteScalarAsync(CancellationToken.None);
            }
            catch (PostgresException full) when (full.SqlState is PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.ProtocolViolation)
            {
                if (Stopwatch.GetElapsedTime(started) is { } since && since > Rush)
                {
                    refused.Add($"{since.TotalSeconds:0.0} s: {full.MessageText}");
                }
            }

            tries += Stopwatch.GetElapsedTime(started) > Rush ? 1 : 0;
            if (tries == Enough)
            {
                _tried.TrySetResult();
            }

            await Task.Delay(TimeSpan.FromSeconds(1), _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        return refused;
    }
}
