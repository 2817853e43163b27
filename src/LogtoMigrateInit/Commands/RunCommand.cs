using System.Collections;
using System.CommandLine;
using System.Runtime.InteropServices;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Target;

namespace LogtoMigrateInit.Commands;

/// <summary>Migrates and becomes the command, for platforms that cannot order containers.</summary>
internal static partial class RunCommand
{
    // <signal.h> on Linux
    private const int BrokenPipeSignal = 13;
    private const nint DefaultAction = 0;

    public static Command Create()
    {
        var words = new Argument<string[]>("command") { Description = "The command and its arguments, after --.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("run", "Migrate, then become the given command (same process); on any failure it never starts.") { words };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(words)!));
        return command;
    }

    private static async Task<int> RunAsync(string[] words)
    {
        string? databaseUrl = null;
        var program = FilePermission.FindProgram(words[0]);
        var outcome = await Program.RunAsync("run", async (parts, stop) =>
        {
            // Before the database is touched: an upgrade whose command cannot start would only look like one.
            if (program is null)
            {
                return new Outcome.WrongUsage([$"the command '{words[0]}' was not found or is not executable; name a program of this image after `run --`"]);
            }

            databaseUrl = parts.Options.DatabaseUrlIsFromFile ? parts.Options.DatabaseUrl.Text : null;
            return await parts.CreateRunner().MigrateAsync(stop);
        });
        if (outcome.ExitCode == ExitCode.Success)
        {
            var reason = Become(program!, words, databaseUrl);
            outcome = await Program.RunAsync("run", (_, _) => Task.FromResult<Outcome>(
                new Outcome.WrongUsage([$"the schema matches, and the command '{program}' could not be started: {reason}; name a program of this image after `run --`"])));
        }

        return (int)outcome.ExitCode;
    }

    /// <summary>Replaces this process; comes back only when that failed, with the reason.</summary>
    private static string Become(string program, string[] words, string? databaseUrl)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value);
        if (databaseUrl is not null)
        {
            environment[Variables.DatabaseUrl.Name] = databaseUrl;
        }

        // .NET ignores SIGPIPE, and what is ignored stays ignored in the new program; a caught signal does not.
        Signal(BrokenPipeSignal, DefaultAction);
        Execute(program, [.. words, null], [.. environment.Select(variable => $"{variable.Key}={variable.Value}"), null]);
        return Marshal.GetLastPInvokeErrorMessage();
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, string?[] arguments, string?[] environment);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint action);
}
