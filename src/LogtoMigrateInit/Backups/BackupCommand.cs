using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Backups;

/// <summary>The command <c>backup</c>: makes a verified backup, or lists the backups.</summary>
internal static class BackupCommand
{
    public static Command Create(RunInHost inHost)
    {
        var list = new Option<bool>("--list");
        var output = new OutputFormat("text", OutputFormat.Json);
        var command = new Command("backup") { list };
        output.AddTo(command);
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(list), output.In(parsed) == OutputFormat.Json));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, bool list, bool asJson) =>
        (int)(await inHost("backup", (parts, stop) => list
            ? BackupList.ShowAsync(parts.GetRequiredService<ProgramSettings>().BackupDirectory, asJson)
            : parts.GetRequiredService<BackupRun>().RunAsync(stop))).ExitCode;
}
