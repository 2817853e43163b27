namespace LogtoMigrateInit.Platform;

/// <summary>Which file system a folder is on (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).</summary>
internal static class MountTable
{
    /// <summary>Returns why files in this folder will be lost with the container or with the machine's memory.</summary>
    /// <returns>A clause; null when the files last, or when the mount table does not tell.</returns>
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
                var prefix = point == "/" ? point : $"{point}/";
                if (point.Length >= found.Point.Length && $"{folder}/".StartsWith(prefix, StringComparison.Ordinal))
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

    private static string Unescape(string path) => path
        .Replace(@"\040", " ", StringComparison.Ordinal)
        .Replace(@"\011", "\t", StringComparison.Ordinal)
        .Replace(@"\012", "\n", StringComparison.Ordinal)
        .Replace(@"\134", @"\", StringComparison.Ordinal);
}
