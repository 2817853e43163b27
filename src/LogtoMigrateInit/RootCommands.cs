using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LogtoMigrateInit.Backups;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Repair;
using LogtoMigrateInit.Rollback;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit;

/// <summary>The commands and their words; everything else is configured by variables.</summary>
internal static class RootCommands
{
    public static async Task<int> InvokeAsync(string[] arguments, RunInHost inHost, ReportOutcome report)
    {
        var root = new RootCommand("Upgrades Logto's database to match the image that is about to start, or exits non-zero so that Logto " +
            "does not start. Configured by environment variables.")
        {
            MigrateCommand.Create(inHost),
            CheckCommand.Create(inHost),
            RunCommand.Create(inHost, report),
            RehearseCommand.Create(inHost),
            BackupCommand.Create(inHost),
            RestoreCommand.Create(inHost),
            RollbackCommand.Create(inHost),
            RepairCommand.Create(inHost),
            InstallCommand.Create(report),
        };
        root.SetAction((_, _) => MigrateCommand.RunAsync(inHost));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithVariables((HelpAction)help.Action!);

        // An argument that begins with @ is itself.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            var command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            return (int)report(new Outcome.WrongCommandLine(
                [.. parsed.Errors.Select(error => error.Message)],
                [.. Guess(parsed), $"See logto-migrate-init{command} --help."])).ExitCode;
        }

        // Signals are ours: the library would cut cleaning up off after two seconds.
        return await parsed.InvokeAsync(
            new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }

    /// <summary>The nearest words to those that are none of this command's.</summary>
    private static IEnumerable<string> Guess(ParseResult parsed)
    {
        const int Farthest = 2;
        var command = parsed.CommandResult.Command;
        var words = command.Subcommands.Select(each => each.Name).Concat(command.Options.Select(each => each.Name)).ToArray();
        return parsed.UnmatchedTokens
            .Select(token => NearestName.Of(token, words, Farthest))
            .OfType<string>()
            .Select(word => $"Did you mean {word}?");
    }
}
