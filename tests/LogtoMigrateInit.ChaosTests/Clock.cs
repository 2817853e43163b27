using System.Globalization;
using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>What the clock of a replica's machine does.</summary>
internal enum ClockKind
{
    /// <summary>It is right.</summary>
    Right,

    /// <summary>It is a day ahead.</summary>
    Ahead,

    /// <summary>It stands still while the machine does, as that of a suspended virtual machine; a stopped process's goes on.</summary>
    StandsStill,
}

/// <summary>The clock of one replica, through libfaketime; it holds for the gate and its CLI.</summary>
internal sealed class Clock : IDisposable
{
    /// <summary>How often libfaketime reads the file again; shorter freezes would show all the same.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromSeconds(1);

    private readonly ClockKind _kind;
    private readonly string _file = Path.GetTempFileName();
    private readonly DateTime _began = DateTime.UtcNow;
    private TimeSpan _stoodStill;

    public Clock(ClockKind kind)
    {
        _kind = kind;
        Write();
    }

    private static string Library =>
        Directory.EnumerateDirectories("/usr/lib").Select(folder => Path.Combine(folder, "faketime", "libfaketime.so.1")).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("libfaketime is missing: apt-get install libfaketime");

    /// <summary>What the gate's environment needs for it.</summary>
    public IReadOnlyDictionary<string, string?> Variables => _kind == ClockKind.Right ? new Dictionary<string, string?>() : new()
    {
        ["LD_PRELOAD"] = Library,
        ["FAKETIME_TIMESTAMP_FILE"] = _file,
        ["FAKETIME_CACHE_DURATION"] = Grain.TotalSeconds.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The machine has stood still for so long and is about to go on.</summary>
    public void StoodStill(TimeSpan time)
    {
        if (_kind == ClockKind.StandsStill && time > Grain)
        {
            _stoodStill += time;
            Write();
        }
    }

    /// <summary>Removes what the library leaves in shared memory when its process is killed: the gate, or a CLI that it started.</summary>
    public void Dispose()
    {
        File.Delete(_file);
        foreach (var file in Directory.EnumerateFiles("/dev/shm", "*faketime_s*_*"))
        {
            if (int.TryParse(file.Split('_')[^1], CultureInfo.InvariantCulture, out var pid) && !Signals.IsAlive(pid) && File.GetLastWriteTimeUtc(file) >= _began)
            {
                Delete(file);
            }
        }
    }

    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's, who runs these tests too.
        }
    }

    private void Write() => File.WriteAllText(
        _file,
        _kind == ClockKind.Ahead ? "+1d" : string.Create(CultureInfo.InvariantCulture, $"-{_stoodStill.TotalSeconds:0.000}"));
}
