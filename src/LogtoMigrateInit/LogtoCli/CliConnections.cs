using System.Globalization;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Reads the CLI's connections from the kernel (https://man7.org/linux/man-pages/man5/proc_pid_net.5.html). A connection that is open here
/// and unknown to the server is half open. slonik sets no keep-alive, so without a guard the CLI would wait for an answer forever.
/// </summary>
internal static class CliConnections
{
    private const string Established = "01";

    private static readonly string[] Tables = ["tcp", "tcp6"];

    /// <summary>Whether the process has an established TCP connection to the port.</summary>
    /// <param name="pid">The process id of the CLI.</param>
    /// <param name="port">The port of the server or of its pooler.</param>
    /// <returns>False also when the kernel does not show the connections, for example of a process that has ended.</returns>
    public static bool AnyTo(int pid, int port)
    {
        try
        {
            var inodes = Directory.EnumerateFiles($"/proc/{pid}/fd")
                .Select(file => File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name)
                .OfType<string>()
                .Where(target => target.StartsWith("socket:[", StringComparison.Ordinal))
                .Select(target => target["socket:[".Length..^1])
                .ToHashSet();
            var remotePort = port.ToString("X4", CultureInfo.InvariantCulture);
            return Tables
                .SelectMany(table => File.ReadLines($"/proc/{pid}/net/{table}").Skip(1))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Any(fields => fields[3] == Established
                    && fields[2].EndsWith($":{remotePort}", StringComparison.Ordinal) && inodes.Contains(fields[9]));
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
