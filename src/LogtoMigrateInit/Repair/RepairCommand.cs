using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Repair;

/// <summary>Prints the SQL for what <c>check --deep --drift</c> finds, and applies what deletes nothing.</summary>
internal static class RepairCommand
{
    public static Command Create(RunInHost inHost)
    {
        var yes = new Option<bool>("--yes") { Description = "Do not ask: apply the SQL that deletes nothing." };
        var trim = new Option<bool>("--trim-signing-keys")
        {
            Description = "Also drop signing keys that are too many for Logto, after a backup in LOGTO_INIT_BACKUP_DIR.",
        };
        var command = new Command("repair", "Print the SQL that repairs what `check --deep --drift` finds, and apply what deletes " +
            "nothing, after a question or with --yes. " +
            "LOGTO_INIT_REPAIR is about something else: left-over indexes during a deploy.") { yes, trim };
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
