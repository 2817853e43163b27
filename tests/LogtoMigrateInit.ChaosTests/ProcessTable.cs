using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>A process that its number and its start name together, for numbers come again.</summary>
internal sealed record ProcessId(int Pid, string Started)
{
    public static ProcessId? Of(int pid) => ProcessTable.Stat(pid) is { } stat ? new ProcessId(pid, stat[19]) : null;

    public bool IsAlive => Of(Pid) == this && Signals.IsAlive(Pid);

    /// <summary>Does nothing when it is gone.</summary>
    public void Signal(int signal)
    {
        try
        {
            if (IsAlive)
            {
                Signals.Send(Pid, signal);
            }
        }
        catch (InvalidOperationException)
        {
            // It ended between the two lines.
        }
    }
}

/// <summary>What /proc tells.</summary>
internal static class ProcessTable
{
    /// <summary>The living children of a process.</summary>
    public static IReadOnlyList<ProcessId> ChildrenOf(int pid) =>
        [.. All().Where(each => Stat(each) is { } stat && stat[1] == $"{pid}" && Signals.IsAlive(each)).Select(ProcessId.Of).OfType<ProcessId>()];

    /// <summary>Those that name a file of this installation in their command line, and how they were called.</summary>
    public static IReadOnlyList<(ProcessId Process, string CommandLine)> Naming(LogtoInstallation installation) =>
        [.. All().Select(pid => (Process: ProcessId.Of(pid)!, CommandLine: CommandLine(pid))).Where(each => each.Process is not null && each.CommandLine.Contains($"{installation.Directory}/", StringComparison.Ordinal))];

    /// <summary>The fields after the name, from the state on (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html); null when it is gone.</summary>
    public static string[]? Stat(int pid)
    {
        var stat = Read(pid, "stat");
        return stat.Length == 0 ? null : stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    /// <summary>Empty also for a zombie.</summary>
    private static string CommandLine(int pid) => Read(pid, "cmdline").Replace('\0', ' ').Trim();

    private static IEnumerable<int> All() =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, null));

    private static string Read(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{file}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
