using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Backups;

/// <summary>Makes a verified backup now.</summary>
internal static class BackupCommand
{
    public static Command Create(RunInHost inHost)
    {
        var list = new Option<bool>("--list") { Description = "List the existing backups, and make none." };
        var output = new Option<string>("--output")
        {
            Description = "How to print the list on standard output: text or json.",
            DefaultValueFactory = _ => "text",
        };
        output.AcceptOnlyFromAmong("text", "json");
        var command = new Command("backup", "Make a verified backup in LOGTO_INIT_BACKUP_DIR now, while no other run migrates.")
        {
            list,
            output,
        };
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(list), parsed.GetValue(output) == "json"));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, bool list, bool asJson) =>
        (int)(await inHost("backup", (parts, stop) => list
            ? BackupList.ShowAsync(parts.GetRequiredService<ProgramSettings>().BackupDirectory, asJson)
            : parts.GetRequiredService<BackupRun>().RunAsync(stop))).ExitCode;
}
