using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Migration;

/// <summary>The command <c>migrate</c>, and the program without a command.</summary>
internal static class MigrateCommand
{
    public static Command Create(RunInHost inHost)
    {
        var command = new Command("migrate");
        command.SetAction((_, _) => RunAsync(inHost));
        return command;
    }

    public static async Task<int> RunAsync(RunInHost inHost) =>
        (int)(await inHost("migrate", (parts, stop) => parts.GetRequiredService<MigrationRunner>().RunAsync(stop))).ExitCode;
}
