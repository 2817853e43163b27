using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Platform;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Commands;

/// <summary>Migrates and becomes the command, for platforms that cannot order containers.</summary>
internal static partial class RunCommand
{
    // <signal.h> on Linux
    private const int BrokenPipeSignal = 13;
    private const nint DefaultAction = 0;

    public static Command Create(RunInHost inHost)
    {
        var words = new Argument<string[]>("command") { Description = "The command and its arguments, after --.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("run", "Migrate, then become the given command (same process); on any failure it never starts.") { words };
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(words)!));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, string[] words)
    {
        string? databaseUrl = null;
        var program = FilePermission.FindProgram(words[0]);
        var outcome = await inHost("run", async (parts, stop) =>
        {
            // Before the database is touched: an upgrade whose command cannot start would only look like one.
            if (program is null)
            {
                return new Outcome.WrongUsage([$"the command '{words[0]}' was not found or is not executable; name a program of this image after `run --`"]);
            }

            databaseUrl = parts.GetRequiredService<GateOptions>() is { DatabaseUrlIsFromFile: true } options ? options.DatabaseUrl.Text : null;
            return await parts.GetRequiredService<MigrationRunner>().MigrateAsync(stop);
        });
        if (outcome.ExitCode == ExitCode.Success)
        {
            var reason = Become(program!, words, databaseUrl);
            outcome = await inHost("run", (_, _) => Task.FromResult<Outcome>(
                new Outcome.WrongUsage([$"the schema matches, and the command '{program}' could not be started: {reason}; name a program of this image after `run --`"])));
        }

        return (int)outcome.ExitCode;
    }

    /// <summary>
    /// Replaces this process, and hands on what it was given itself, byte for byte: what is not UTF-8 is lost in .NET's copies of
    /// variables and arguments, and from that of the variables some are taken away. Comes back only when it failed, with the reason.
    /// </summary>
    private static string Become(string program, string[] words, string? databaseUrl)
    {
        if (databaseUrl is not null)
        {
            _ = SetVariable(Variables.DatabaseUrl.Name, databaseUrl, 1);
        }

        // .NET ignores SIGPIPE, and what is ignored stays ignored in the new program; a caught signal does not.
        Signal(BrokenPipeSignal, DefaultAction);
        nint[] arguments = [.. AsGiven(words).Select(CString), 0];
        Execute(program, arguments);
        var reason = Marshal.GetLastPInvokeErrorMessage();
        Array.ForEach(arguments, Marshal.FreeHGlobal);
        return reason;
    }

    /// <summary>The words, which are the end of our command line, in the bytes that stand there.</summary>
    private static byte[][] AsGiven(string[] words)
    {
        try
        {
            var line = File.ReadAllBytes("/proc/self/cmdline"); // a zero byte ends each word
            var ends = line.Index().Where(each => each.Item == 0).Select(each => each.Index).TakeLast(words.Length + 1).ToArray();
            byte[][] last = [.. ends.Zip(ends.Skip(1), (before, end) => line[(before + 1)..end])];
            if (last.Select(Encoding.UTF8.GetString).SequenceEqual(words))
            {
                return last;
            }
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            // No /proc here: words of UTF-8 are the same without it.
        }

        return [.. words.Select(Encoding.UTF8.GetBytes)];
    }

    private static nint CString(byte[] text)
    {
        var copy = Marshal.AllocHGlobal(text.Length + 1);
        Marshal.Copy(text, 0, copy, text.Length);
        Marshal.WriteByte(copy, text.Length, 0);
        return copy;
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, nint[] arguments);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint action);
}
