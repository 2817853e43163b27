using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>What went over the wire.</summary>
/// <param name="RoundTrips">How often the client waited for an answer; the TCP handshake is not counted.</param>
/// <param name="AfterAuthentication">Those after the server's AuthenticationOk; null when that could not be read, as through TLS.</param>
/// <param name="Sent">Bytes from the client.</param>
/// <param name="Received">Bytes from the server.</param>
/// <param name="Connections">How many were opened.</param>
internal sealed record Traffic(int RoundTrips, int? AfterAuthentication, long Sent, long Received, int Connections);

/// <summary>Stands before a PostgreSQL server, counts what passes, and holds everything up for a while when told.</summary>
internal sealed class WireProxy : IAsyncDisposable
{
    // AuthenticationOk: 'R', the length 8, the number 0 (https://www.postgresql.org/docs/current/protocol-message-formats.html).
    private static readonly byte[] AuthenticationOk = [(byte)'R', 0, 0, 0, 8, 0, 0, 0, 0];

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _connections = [];
    private readonly Lock _gate = new();
    private readonly int _serverPort;
    private readonly TimeSpan _delay;
    private readonly Task _accepting;
    private Traffic _traffic = new(0, null, 0, 0, 0);

    /// <param name="serverPort">On loopback.</param>
    /// <param name="delay">Added to every answer, and so to every round trip but TCP's own handshake.</param>
    public WireProxy(int serverPort, TimeSpan delay)
    {
        (_serverPort, _delay) = (serverPort, delay);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public Traffic Traffic
    {
        get
        {
            lock (_gate)
            {
                return _traffic;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        await Task.WhenAll(_connections);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        client.NoDelay = true;
        using var both = client;
        await server.ConnectAsync(IPAddress.Loopback, _serverPort);
        Count(traffic => traffic with { Connections = traffic.Connections + 1 });
        var asked = new Direction();
        await Task.WhenAny(
            PumpAsync(client, server, TimeSpan.Zero, bytes => Asked(asked, bytes.Length)),
            PumpAsync(server, client, _delay, bytes => Answered(asked, bytes)));
    }

    private void Asked(Direction direction, int length)
    {
        direction.IsAsking = true;
        Count(traffic => traffic with { Sent = traffic.Sent + length });
    }

    private void Answered(Direction direction, ReadOnlyMemory<byte> bytes)
    {
        var answers = direction.IsAsking ? 1 : 0;
        direction.IsAsking = false;
        Count(traffic => traffic with
        {
            Received = traffic.Received + bytes.Length,
            RoundTrips = traffic.RoundTrips + answers,
            AfterAuthentication = bytes.Span.IndexOf(AuthenticationOk) >= 0 ? 0 : traffic.AfterAuthentication + answers,
        });
    }

    private void Count(Func<Traffic, Traffic> change)
    {
        lock (_gate)
        {
            _traffic = change(_traffic);
        }
    }

    /// <summary>Everything is held up equally long and may overtake nothing, as on a long line.</summary>
    private async Task PumpAsync(TcpClient from, TcpClient to, TimeSpan delay, Action<ReadOnlyMemory<byte>> seen)
    {
        var line = Channel.CreateUnbounded<(byte[] Bytes, long Arrived)>();
        var delivering = DeliverAsync();
        var buffer = new byte[64 * 1024];
        try
        {
            int count;
            while ((count = await from.GetStream().ReadAsync(buffer, _stop.Token)) > 0)
            {
                seen(buffer.AsMemory(0, count));
                line.Writer.TryWrite((buffer[..count], Stopwatch.GetTimestamp()));
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // One side is gone.
        }

        line.Writer.Complete();
        await delivering;

        async Task DeliverAsync()
        {
            try
            {
                await foreach (var (bytes, arrived) in line.Reader.ReadAllAsync())
                {
                    var wait = delay - Stopwatch.GetElapsedTime(arrived);
                    if (wait > TimeSpan.Zero)
                    {
                        await Task.Delay(wait);
                    }

                    await to.GetStream().WriteAsync(bytes);
                }
            }
            catch (Exception ended) when (ended is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // The other side is gone.
            }
        }
    }

    /// <summary>Who spoke last.</summary>
    private sealed class Direction
    {
        public volatile bool IsAsking;
    }
}
