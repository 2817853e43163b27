using System.Globalization;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>
/// The memory limit of the container. Reason for the check: without memory, many orchestrators kill the whole container with this program.
/// </summary>
internal static class MemoryLimit
{
    /// <summary>
    /// The least limit for starting Logto. Measured: Logto 1.43 used at most 330 MB to start and answer, this program 50 MB.
    /// </summary>
    public const int NeededMegabytes = 400;

    private static readonly string[] Files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

    /// <summary>The limit in MiB; null when there is none, or when the kernel does not show it.</summary>
    public static long? Megabytes => Files.Select(Read).FirstOrDefault(limit => limit is not null) / 1048576;

    private static long? Read(string file)
    {
        try
        {
            var text = File.ReadAllText(file).Trim();
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
