using System.Collections;
using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// The command <c>run</c>: migrates, then replaces itself with a command. It serves platforms that cannot order containers.
/// </summary>
internal static partial class RunCommand
{
    // <signal.h> on Linux
    private const int BrokenPipeSignal = 13;
    private const nint DefaultAction = 0;

    private const string NameAnother = "Next: name a program of this image after `run --`";

    public static Command Create(RunInHost inHost, ReportOutcome report)
    {
        var words = new Argument<string[]>("command") { Arity = ArgumentArity.OneOrMore };
        var command = new Command("run") { words };
        command.SetAction((parsed, _) => RunAsync(inHost, report, parsed.GetValue(words)!));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, ReportOutcome report, string[] words)
    {
        string? databaseUrl = null;
        var program = FilePermission.FindProgram(words[0]);
        var outcome = await inHost("run", async (parts, stop) =>
        {
            // Check the command first. Otherwise the database would be upgraded although the new Logto cannot start.
            if (program is null)
            {
                return new Outcome.WrongUsage(
                    [$"the command '{words[0]}' was not found or is not executable. {NameAnother}"]);
            }

            if (ProgramFile.WhyNotStartable(program) is { } unstartable)
            {
                return new Outcome.WrongUsage([$"the command '{program}' cannot be started: {unstartable}. {NameAnother}"]);
            }

            // Logto writes to this folder at every start, even with nothing pending. If it may not, it exits with 0.
            if (parts.GetRequiredService<LogtoTarget>().Installation.WhyScriptsFolderIsReadOnly() is { } readOnly)
            {
                return new Outcome.TargetUnusable(readOnly);
            }

            var settings = parts.GetRequiredService<ProgramSettings>();
            databaseUrl = settings.DatabaseUrlIsFromFile ? settings.Main.Url.Text : null;
            return await parts.GetRequiredService<MigrationRunner>().RunAsync(stop);
        });
        if (outcome.ExitCode == ExitCode.Success)
        {
            var reason = Become(program!, words, databaseUrl);
            outcome = report(new Outcome.CommandNotStarted(outcome, program!, reason));
        }

        return (int)outcome.ExitCode;
    }

    /// <summary>
    /// Replaces this process with the program, and passes its own arguments and variables byte for byte. Reason: .NET's copies lose bytes
    /// that are not UTF-8, and .NET does not see all variables. Returns only after a failure, with the reason.
    /// </summary>
    private static string Become(string program, string[] words, string? databaseUrl)
    {
        // .NET ignores SIGPIPE. An ignored signal stays ignored in the new program; a handled one is reset.
        Signal(BrokenPipeSignal, DefaultAction);
        nint[] arguments = [.. AsGiven(words).Select(CString), 0];
        nint[] variables = [.. VariablesAsGiven(databaseUrl).Select(CString), 0];
        Execute(program, arguments, variables);
        var reason = Marshal.GetLastPInvokeErrorMessage();
        Array.ForEach([.. arguments, .. variables], Marshal.FreeHGlobal);
        return reason;
    }

    /// <summary>Returns the variables that this process started with, as bytes. Later changes were meant for this process only.</summary>
    /// <param name="databaseUrl">The new value of <c>DB_URL</c>; null: unchanged.</param>
    private static IEnumerable<byte[]> VariablesAsGiven(string? databaseUrl)
    {
        var name = Encoding.UTF8.GetBytes($"{Variables.DatabaseUrl.Name}=");
        var given = ReadWords("/proc/self/environ") ??
        [
            .. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .Select(each => Encoding.UTF8.GetBytes($"{each.Key}={each.Value}")),
        ];
        return databaseUrl is null
            ? given
            : given.Where(variable => !variable.AsSpan().StartsWith(name)).Append([.. name, .. Encoding.UTF8.GetBytes(databaseUrl)]);
    }

    /// <summary>Returns the bytes of the words, which are the end of this process's command line.</summary>
    private static byte[][] AsGiven(string[] words)
    {
        // Without /proc, only words that are UTF-8 keep their bytes.
        return ReadWords("/proc/self/cmdline")?[^words.Length..] is { } last && last.Select(Encoding.UTF8.GetString).SequenceEqual(words)
            ? last
            : [.. words.Select(Encoding.UTF8.GetBytes)];
    }

    /// <returns>The words of a file in which a zero byte ends each word; null when the file cannot be read.</returns>
    private static byte[][]? ReadWords(string file)
    {
        try
        {
            var bytes = File.ReadAllBytes(file);
            int[] ends = [-1, .. bytes.Index().Where(each => each.Item == 0).Select(each => each.Index)];
            return [.. ends.Zip(ends.Skip(1), (before, end) => bytes[(before + 1)..end])];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static nint CString(byte[] text)
    {
        var copy = Marshal.AllocHGlobal(text.Length + 1);
        Marshal.Copy(text, 0, copy, text.Length);
        Marshal.WriteByte(copy, text.Length, 0);
        return copy;
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, nint[] arguments, nint[] variables);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint action);
}
