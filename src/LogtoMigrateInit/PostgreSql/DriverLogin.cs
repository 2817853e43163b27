using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Tries whether a pooler accepts the parameters that Logto's driver sends at login. PgBouncer refuses unknown ones before it asks for a
/// password. Npgsql cannot send them as parameters, so this class writes the packet itself
/// (https://www.postgresql.org/docs/current/protocol-message-formats.html). It sends no secret.
/// </summary>
internal static class DriverLogin
{
    /// <summary>slonik's default (<c>createClientConfiguration</c>), in milliseconds.</summary>
    private const string IdleTimeout = "60000";

    private const int ProtocolVersion = 196608; // 3.0
    private const int TlsRequest = 80877103;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <param name="target">The pooler.</param>
    /// <param name="statementTimeout">The <c>statement_timeout</c> of Logto's driver; null: none.</param>
    /// <returns>The pooler's message about a refused parameter; null when it continues the login, or answers with another error.</returns>
    /// <exception cref="SocketException">The pooler was not reached.</exception>
    /// <exception cref="IOException">The pooler closed the connection.</exception>
    /// <exception cref="TimeoutException">The pooler did not answer within five seconds.</exception>
    public static async Task<string?> WhyRefusedAsync(ServerTarget target, string? statementTimeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Longest);
        try
        {
            using var socket = Connect(target, out var address);
            await socket.ConnectAsync(address, limit.Token);
            await using var network = new NetworkStream(socket);
            await using var stream = await EncryptAsync(network, target, limit.Token);
            await stream.WriteAsync(Packet(ProtocolVersion, Parameters(target, statementTimeout)), limit.Token);
            return await ReadRefusalAsync(stream, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("the connection pooler did not answer in time");
        }
    }

    private static Socket Connect(ServerTarget target, out EndPoint address)
    {
        if (target.Host.StartsWith('/'))
        {
            address = new UnixDomainSocketEndPoint($"{target.Host}/.s.PGSQL.{target.Port}");
            return new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        }

        address = new DnsEndPoint(LogtoDatabase.Reachable(target.Host), target.Port);
        return new Socket(SocketType.Stream, ProtocolType.Tcp);
    }

    [SuppressMessage("Security", "CA5359:Do Not Disable Certificate " +
        "Validation", Justification = "Our own connection has just checked it, and nothing secret is sent here.")]
    private static async Task<Stream> EncryptAsync(NetworkStream network, ServerTarget target, CancellationToken cancellationToken)
    {
        if (target.Tls == TlsMode.Off)
        {
            return network;
        }

        if (!target.DirectTls)
        {
            await network.WriteAsync(Packet(TlsRequest, []), cancellationToken);
            var answer = new byte[1];
            await network.ReadExactlyAsync(answer, cancellationToken);
        }

        var tls = new SslStream(network);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = target.Host,
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
            ApplicationProtocols = target.DirectTls ? [new SslApplicationProtocol("postgresql")] : null,
        };
        await tls.AuthenticateAsClientAsync(options, cancellationToken);
        return tls;
    }

    /// <summary>Returns the parameters in the order of node-postgres (<c>getStartupConf</c> in <c>pg/lib/client.js</c>).</summary>
    private static IEnumerable<(string Name, string Value)> Parameters(ServerTarget target, string? statementTimeout)
    {
        yield return ("user", target.User);
        yield return ("database", target.Database);
        if (statementTimeout is not null)
        {
            yield return ("statement_timeout", statementTimeout);
        }

        yield return ("idle_in_transaction_session_timeout", IdleTimeout);
        if (target.PgOptions is { } options)
        {
            yield return ("options", options);
        }

        yield return ("client_encoding", "UTF8");
    }

    private static byte[] Packet(int code, IEnumerable<(string Name, string Value)> parameters)
    {
        var text = string.Concat(parameters.Select(parameter => $"{parameter.Name}\0{parameter.Value}\0"));
        byte[] body = text.Length == 0 ? [] : [.. Encoding.UTF8.GetBytes(text), 0];
        var packet = new byte[8 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length);
        BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(4), code);
        body.CopyTo(packet, 8);
        return packet;
    }

    private static async Task<string?> ReadRefusalAsync(Stream stream, CancellationToken cancellationToken)
    {
        const int LongestMessage = 10_000;
        var head = new byte[5];
        await stream.ReadExactlyAsync(head, cancellationToken);
        var length = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1)) - 4;
        if (head[0] != 'E' || length is < 0 or > LongestMessage)
        {
            return null;
        }

        var body = new byte[length];
        await stream.ReadExactlyAsync(body, cancellationToken);
        var message = Encoding.UTF8.GetString(body).Split('\0').FirstOrDefault(field => field.StartsWith('M'))?[1..];
        return message?.Contains("startup parameter", StringComparison.Ordinal) == true ? message : null;
    }
}
