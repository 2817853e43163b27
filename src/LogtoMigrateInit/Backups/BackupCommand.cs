using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Backups;

/// <summary>Makes a verified backup now.</summary>
internal static class BackupCommand
{
    public static Command Create(RunInHost inHost)
    {
        var command = new Command("backup", "Make a verified backup in LOGTO_INIT_BACKUP_DIR now, while nobody migrates.");
        command.SetAction((_, _) => RunAsync(inHost));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost) =>
        (int)(await inHost("backup", (parts, stop) => parts.GetRequiredService<BackupRun>().RunAsync(stop))).ExitCode;
}
