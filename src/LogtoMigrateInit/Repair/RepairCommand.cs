using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Repair;

/// <summary>
/// The command <c>repair</c>: prints SQL for the faults that <c>check --deep --drift</c> finds, and applies SQL that deletes nothing.
/// </summary>
internal static class RepairCommand
{
    public static Command Create(RunInHost inHost)
    {
        var yes = new Option<bool>("--yes");
        var trim = new Option<bool>("--trim-signing-keys");
        var command = new Command("repair") { yes, trim };
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(yes), parsed.GetValue(trim)));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, bool yes, bool trimsKeys) =>
        (int)(await inHost("repair", (parts, stop) =>
        {
            var logger = parts.GetRequiredService<ILogger>();
            return parts.GetRequiredService<DatabaseRepair>().RunAsync(
                new RepairRequest(
                    trimsKeys, StandardOutput.WriteAsync, question => Confirmation.Ask(question, yes, logger, stop)),
                stop);
        })).ExitCode;
}
