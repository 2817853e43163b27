using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Migration;

/// <summary>Brings the database to the target.</summary>
internal static class MigrateCommand
{
    public static Command Create(RunInHost inHost)
    {
        var command = new Command("migrate", "Deploy what is pending and verify it (the default command).");
        command.SetAction((_, _) => RunAsync(inHost));
        return command;
    }

    public static async Task<int> RunAsync(RunInHost inHost) =>
        (int)(await inHost("migrate", (parts, stop) => parts.GetRequiredService<MigrationRunner>().RunAsync(stop))).ExitCode;
}
