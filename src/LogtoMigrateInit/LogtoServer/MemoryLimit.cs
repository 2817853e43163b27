using System.Globalization;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>The memory that the container allows. Reason: many orchestrators kill the whole container, and with it this program.</summary>
internal static class MemoryLimit
{
    /// <summary>Logto 1.43 had 330 MB at most when it was started and asked, and this program 50.</summary>
    public const int NeededMegabytes = 400;

    private static readonly string[] Files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

    /// <summary>Null: there is none, or the kernel does not show it.</summary>
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
