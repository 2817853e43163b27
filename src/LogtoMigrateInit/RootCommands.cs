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

/// <summary>The commands with their options and arguments. Variables configure everything else.</summary>
internal static class RootCommands
{
    /// <summary>Returns the program's root command with all commands.</summary>
    public static RootCommand Create(RunInHost inHost, ReportOutcome report)
    {
        var root = new RootCommand
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
        return root;
    }

    public static async Task<int> InvokeAsync(string[] arguments, string version, RunInHost inHost, ReportOutcome report)
    {
        var root = Create(inHost, report);
        root.Options.OfType<HelpOption>().Single().Action = new Print(parsed => HelpPages.Of(parsed.CommandResult.Command.Name));
        var showVersion = root.Options.OfType<VersionOption>().Single();
        showVersion.Aliases.Add("-V");
        showVersion.Action = new Print(_ => $"logto-migrate-init {version}");

        // An argument that begins with @ has no special meaning.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            var command = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            return (int)report(new Outcome.WrongCommandLine(
                [.. parsed.Errors.Select(error => error.Message), .. Guess(parsed)],
                [$"see logto-migrate-init{command} --help."])).ExitCode;
        }

        // SignalLifetime handles signals. The library would end the cleanup after two seconds.
        return await parsed.InvokeAsync(
            new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }

    /// <summary>Suggests a word for each unknown one: for words of other migration tools, and for misspelled words.</summary>
    private static IEnumerable<string> Guess(ParseResult parsed)
    {
        const int Farthest = 2;
        var command = parsed.CommandResult.Command;
        var words = command.Subcommands.Select(each => each.Name).Concat(command.Options.Select(each => each.Name)).ToArray();
        return parsed.UnmatchedTokens
            .Select(token => ForeignWord(token) ?? (NearestName.Of(token, words, Farthest) is { } word ? $"Did you mean {word}?" : null))
            .OfType<string>();
    }

    /// <summary>Returns the advice for a word of other migration tools; null for other words.</summary>
    private static string? ForeignWord(string word) => word switch
    {
        "status" or "info" or "plan" or "validate" or "diff" => "Did you mean check?",
        "up" or "deploy" or "apply" or "upgrade" or "update" => "Did you mean migrate?",
        "down" or "undo" or "revert" or "downgrade" => "Did you mean rollback?",
        "dump" => "Did you mean backup?",
        "--dry-run" or "-n" => "`check` says what migrate would do and changes nothing; `rehearse` does it on a copy.",
        "-q" or "--quiet" => "LOGTO_INIT_LOG_LEVEL=warning logs less.",
        "-v" or "--verbose" => "LOGTO_INIT_LOG_LEVEL=debug logs more.",
        "--no-color" or "--no-colour" => "The log has no colours; NO_COLOR=1 turns those of a report off.",
        "-y" or "--force" => "Did you mean --yes?",
        _ => null,
    };

    /// <summary>Prints a text on standard output, and exits with 0.</summary>
    private sealed class Print(Func<ParseResult, string> text) : AsynchronousCommandLineAction
    {
        public override async Task<int> InvokeAsync(ParseResult parseResult, CancellationToken cancellationToken = default)
        {
            await StandardOutput.WriteAsync($"{text(parseResult)}{Environment.NewLine}");
            return 0;
        }
    }
}
