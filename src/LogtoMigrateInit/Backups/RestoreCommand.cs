using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>The command <c>restore</c>: restores a backup, or lists the backups.</summary>
internal static class RestoreCommand
{
    public static Command Create(RunInHost inHost)
    {
        var file = new Argument<string?>("file") { Arity = ArgumentArity.ZeroOrOne };
        file.Validators.Add(given =>
        {
            // `restore "$UNSET"` passes an empty name.
            if (given.Tokens is [{ Value: "" }])
            {
                given.AddError("The name of the file is empty.");
            }
        });
        var yes = new Option<bool>("--yes");
        var accept = new Option<string?>("--accept");
        accept.Validators.Add(given =>
        {
            string[] unknown = [.. (given.GetValueOrDefault<string?>() ?? "public").Split(',').Where(word => !AccessChange.IsOne(word))];
            if (unknown.Length > 0)
            {
                given.AddError($"--accept does not know '{string.Join("', '", unknown)}'; it takes public, owners and grants.");
            }
        });
        var command = new Command("restore") { file, yes, accept };
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(file), parsed.GetValue(yes), parsed.GetValue(accept)));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, string? file, bool yes, string? accept) =>
        (int)(await inHost("restore", (parts, stop) =>
        {
            if (file is null && yes)
            {
                return Task.FromResult<Outcome>(new Outcome.WrongCommandLine(
                    ["--yes confirms a restore, and no file is named"], ["name a file. Without --yes the command lists the backups."]));
            }

            if (file is null)
            {
                return BackupList.ShowAsync(parts.GetRequiredService<ProgramSettings>().BackupDirectory, asJson: false);
            }

            var logger = parts.GetRequiredService<ILogger>();
            var restore = parts.GetRequiredService<DatabaseRestore>();
            var consent = new RestoreConsent(
                yes,
                (accept ?? "").Split(',').Where(AccessChange.IsOne).ToHashSet(StringComparer.Ordinal),
                Confirmation.MayAsk,
                (question, confirmed) => Confirmation.Ask(question, confirmed, logger, stop));
            return restore.RunAsync(file, consent, stop);
        })).ExitCode;
}
