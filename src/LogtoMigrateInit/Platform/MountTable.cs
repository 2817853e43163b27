namespace LogtoMigrateInit.Platform;

/// <summary>Which file system a folder is on (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).</summary>
internal static class MountTable
{
    /// <returns>Why what is written to this folder will be gone with the container or the machine's memory: a clause; null when it stays, or when nobody can tell.</returns>
    public static string? WhyNotLasting(string folder)
    {
        (string Point, string Kind) found = ("", "");
        try
        {
            foreach (var line in File.ReadLines("/proc/self/mountinfo"))
            {
                // … parent id, device, root, mount point, options …, a dash, type …
                var fields = line.Split(' ');
                var (point, kind) = (Unescape(fields[4]), fields[Array.IndexOf(fields, "-") + 1]);
                if (point.Length >= found.Point.Length && $"{folder}/".StartsWith(point == "/" ? point : $"{point}/", StringComparison.Ordinal))
                {
                    found = (point, kind);
                }
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or IndexOutOfRangeException)
        {
            return null;
        }

        return found switch
        {
            ("/", "overlay") => "it is part of the container, and goes with it",
            (_, "tmpfs") => "it is in memory",
            _ => null,
        };
    }

    private static string Unescape(string path) =>
        path.Replace(@"\040", " ", StringComparison.Ordinal).Replace(@"\011", "\t", StringComparison.Ordinal).Replace(@"\012", "\n", StringComparison.Ordinal).Replace(@"\134", @"\", StringComparison.Ordinal);
}
