namespace LogtoMigrateInit.ChaosTests;

/// <summary>A wrong time of day for one process and its children.</summary>
internal static class Clock
{
    private static string Library =>
        Directory.EnumerateDirectories("/usr/lib").Select(folder => Path.Combine(folder, "faketime", "libfaketime.so.1")).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("libfaketime is missing: apt-get install libfaketime");

    /// <summary>The variables that set it ahead; none for the right time.</summary>
    public static IReadOnlyDictionary<string, string?> Ahead(string? offset) =>
        offset is null ? new Dictionary<string, string?>() : new() { ["LD_PRELOAD"] = Library, ["FAKETIME"] = offset };

    /// <summary>Removes what the library leaves in shared memory when its process is killed.</summary>
    public static void CleanUp(int pid)
    {
        foreach (var name in new[] { $"faketime_shm_{pid}", $"sem.faketime_sem_{pid}" })
        {
            File.Delete(Path.Combine("/dev/shm", name));
        }
    }
}
