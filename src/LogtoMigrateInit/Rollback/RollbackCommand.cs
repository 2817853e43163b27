using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Rollback;

/// <summary>The command <c>rollback</c>: reverts to an older release, with the CLI of this newer image.</summary>
internal static class RollbackCommand
{
    public static Command Create(RunInHost inHost)
    {
        var version = new Argument<string>("version");
        version.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: var text }] && !RollbackPlan.IsVersion(WithoutPrefix(text)))
            {
                given.AddError($"'{text}' is no release of Logto. Write it with its three numbers, such as 1.40.1.");
            }
        });
        var yes = new Option<bool>("--yes");
        var schemaOnly = new Option<bool>("--schema-only");
        var command = new Command("rollback") { version, yes, schemaOnly };
        command.SetAction((parsed, _) => RunAsync(
            inHost, WithoutPrefix(parsed.GetValue(version)!), parsed.GetValue(yes),
            parsed.GetValue(schemaOnly) ? RehearsalMode.Schema : RehearsalMode.Full));
        return command;
    }

    /// <summary>Removes the <c>v</c> of Logto's tags.</summary>
    private static string WithoutPrefix(string version) => version.StartsWith('v') ? version[1..] : version;

    private static async Task<int> RunAsync(RunInHost inHost, string version, bool yes, RehearsalMode mode) =>
        (int)(await inHost("rollback", (parts, stop) =>
        {
            var logger = parts.GetRequiredService<ILogger>();
            return parts.GetRequiredService<RollbackRunner>().RunAsync(
                new RollbackRequest(
                    version, mode,
                    report => StandardOutput.WriteAsync(RehearsalText.Of(report, StandardOutput.TakesColours)),
                    question => Confirmation.Ask(question, yes, logger, stop)),
                stop);
        })).ExitCode;
}
