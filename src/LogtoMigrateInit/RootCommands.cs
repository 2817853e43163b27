using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LogtoMigrateInit.Backups;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Migration;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Rollback;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit;

/// <summary>The commands and their words; everything else is configured by variables.</summary>
internal static class RootCommands
{
    public static RootCommand Create(RunInHost inHost, ReportOutcome report)
    {
        var root = new RootCommand("Upgrades Logto's database to match the image that is about to start. If that fails, the " +
            "exit code is not 0, so that Logto does not start. Environment variables configure it.")
        {
            MigrateCommand.Create(inHost),
            CheckCommand.Create(inHost),
            RunCommand.Create(inHost, report),
            RehearseCommand.Create(inHost),
            BackupCommand.Create(inHost),
            RestoreCommand.Create(inHost),
            RollbackCommand.Create(inHost),
            InstallCommand.Create(report),
        };
        root.SetAction((_, _) => MigrateCommand.RunAsync(inHost));
        foreach (var option in root.Options)
        {
            option.Action = option switch
            {
                HelpOption => new CommandHelp(),
                VersionOption => new ShowVersion(),
                _ => option.Action,
            };
        }

        return root;
    }

    public static async Task<int> InvokeAsync(string[] arguments, RunInHost inHost, ReportOutcome report)
    {
        var root = Create(inHost, report);

        // An argument that begins with @ is itself.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            var command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            return (int)report(new Outcome.WrongCommandLine(
                [.. parsed.Errors.Select(error => error.Message), .. Guess(parsed)],
                [$"see logto-migrate-init{command} --help."])).ExitCode;
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
            .Select(token => Explain(token) ?? (NearestName.Of(token, words, Farthest) is { } word ? $"Did you mean {word}?" : null))
            .OfType<string>();
    }

    /// <summary>Explains the words of similar programs; null for all others.</summary>
    private static string? Explain(string word) => word switch
    {
        "up" or "upgrade" or "deploy" => "Did you mean migrate?",
        "status" or "plan" or "validate" or "--dry-run" => "Did you mean check? It shows what migrate would do, and changes nothing.",
        "down" or "downgrade" => "Did you mean rollback?",
        "list" => "Did you mean backup --list?",
        "--json" => "Did you mean --output json?",
        "-q" or "--quiet" => "Did you mean the variable LOGTO_INIT_LOG_LEVEL=warning?",
        "-v" or "--verbose" or "--debug" => "Did you mean the variable LOGTO_INIT_LOG_LEVEL=debug?",
        "-V" or "version" => "Did you mean --version?",
        "-y" or "--force" => "Did you mean --yes?",
        "--no-color" or "--no-colour" => "Did you mean the variable NO_COLOR=1?",
        _ => null,
    };
}
