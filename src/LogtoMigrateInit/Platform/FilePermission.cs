using System.Runtime.InteropServices;

namespace LogtoMigrateInit.Platform;

/// <summary>Asks the kernel about permissions, because mode bits do not show read-only mounts and root's rights.</summary>
internal static partial class FilePermission
{
    // <unistd.h>
    private const int ExecutePermission = 1;
    private const int WritePermission = 2;

    /// <summary>The name of the user for a message, or its numbers, because in containers many users have no name.</summary>
    public static string CurrentUser
    {
        get
        {
            var numbers = $"{EffectiveUser()}:{EffectiveGroup()}";
            try
            {
                return Environment.UserName is { Length: > 0 } name ? name : numbers;
            }
            catch (IOException)
            {
                return numbers; // the image has no /etc/passwd
            }
        }
    }

    public static bool MayWrite(string path) => Access(path, WritePermission) == 0;

    public static bool MayExecute(string path) => Access(path, ExecutePermission) == 0;

    /// <summary>Finds a program like a shell: a name without a folder is searched on <c>PATH</c>.</summary>
    /// <returns>The absolute path; null when the program is missing or not executable.</returns>
    public static string? FindProgram(string name) =>
        (name.Contains('/', StringComparison.Ordinal)
            ? [name]
            : (Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin")
                .Split(':')
                .Select(folder => Path.Combine(folder, name)))
        .Where(path => File.Exists(path) && MayExecute(path))
        .Select(Path.GetFullPath)
        .FirstOrDefault();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint EffectiveGroup();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
