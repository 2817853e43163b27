using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>An answer of Logto to a GET request.</summary>
/// <param name="Status">The HTTP status; 0: the answer was not HTTP.</param>
/// <param name="Body">The text after the headers.</param>
internal sealed record LoopbackAnswer(int Status, string Body);

/// <summary>
/// Sends GET requests over a plain socket, because <c>HttpClient</c> would add 1.2 MB to the executable. It uses HTTP/1.0, where the end of
/// the connection ends the body.
/// </summary>
internal static class LoopbackRequest
{
    /// <summary>The number of bytes after which reading ends. Logto's answers have a few thousand.</summary>
    private const int Longest = 1024 * 1024;

    /// <exception cref="SocketException">No process listens on the port, or the connection broke.</exception>
    public static async Task<LoopbackAnswer> GetAsync(int port, string path, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n");
        await socket.SendAsync(request, cancellationToken);
        using var received = new MemoryStream();
        var buffer = new byte[8192];
        int count;
        while (received.Length < Longest && (count = await socket.ReceiveAsync(buffer, cancellationToken)) > 0)
        {
            await received.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        }

        return Parse(Encoding.UTF8.GetString(received.GetBuffer(), 0, (int)received.Length));
    }

    /// <summary>Reads an answer's status and body.</summary>
    public static LoopbackAnswer Parse(string text)
    {
        const string EndOfHeaders = "\r\n\r\n";
        var words = text.Split('\r', 2)[0].Split(' ');
        var end = text.IndexOf(EndOfHeaders, StringComparison.Ordinal);
        return words is [var version, var code, ..] && version.StartsWith("HTTP/", StringComparison.Ordinal) && end >= 0
            && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var status)
                ? new LoopbackAnswer(status, text[(end + EndOfHeaders.Length)..])
                : new LoopbackAnswer(0, "");
    }

    /// <summary>Returns two ports of 127.0.0.1 that are free at this moment.</summary>
    public static IReadOnlyList<int> FreePorts()
    {
        using var first = Bind();
        using var second = Bind();
        return [PortOf(first), PortOf(second)];

        static Socket Bind()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            return socket;
        }

        static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
