using System.CommandLine;
using LogtoMigrateInit.Migration;

namespace LogtoMigrateInit.Commands;

/// <summary>Brings the database to the target.</summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var command = new Command("migrate", "Deploy what is pending and verify it (the default).");
        command.SetAction((_, _) => RunAsync());
        return command;
    }

    public static async Task<int> RunAsync() => (int)(await Program.RunAsync("migrate", (parts, stop) => parts.CreateRunner().MigrateAsync(stop))).ExitCode;
}
