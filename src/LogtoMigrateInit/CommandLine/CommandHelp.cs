using System.CommandLine;
using System.CommandLine.Invocation;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.CommandLine;

/// <summary>The <c>--help</c> of a command: short enough for one screen.</summary>
internal sealed class CommandHelp : SynchronousCommandLineAction
{
    private const int Width = 100;
    private const int NameWidth = 48;

    public override int Invoke(ParseResult parseResult)
    {
        foreach (var line in LinesFor(parseResult.CommandResult.Command))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(line);
        }

        return 0;
    }

    internal static IEnumerable<string> LinesFor(Command command)
    {
        var name = command is RootCommand ? "migrate" : command.Name;
        var page = HelpPage.For(name);
        return
        [
            .. Wrap(command.Description ?? "", 0), "",
            $"Usage: logto-migrate-init {(command is RootCommand ? "[COMMAND] [OPTIONS]" : page.Usage)}",
            .. page.Examples.Select((example, index) => $"{(index == 0 ? "Examples: " : "          ")}{example}"), "",
            .. Section("Commands:", command.Subcommands.Select(each => (each.Name, FirstClause(each.Description ?? "")))),
            .. Section("Arguments:", command.Arguments.Select(each => (each.Name.ToUpperInvariant(), each.Description ?? ""))),
            .. Section("Options:", command.Options.Where(each => !each.Hidden).Select(each => (each.Name, each.Description ?? ""))),
            .. Section("Variables:", page.Variables.Select(each => (NameOf(each), MeaningOf(each)))),
            .. page.ExitCodes.Length == 0 ? [] : Wrap($"Exit codes: {page.ExitCodes}", 12),
            "All variables and exit codes: docs/reference.md of this program.",
            "Logto's own page: https://docs.logto.io/logto-oss/using-cli/database-alteration",
        ];
    }

    private static string NameOf(Variable variable) =>
        $"{variable.Name}{(variable.Default.Length == 0 ? "" : $" [default: {variable.Default}]")}";

    /// <summary>The first clause; docs/reference.md has the others.</summary>
    private static string MeaningOf(Variable variable) => FirstClause(variable.Meaning).Replace("`", "", StringComparison.Ordinal);

    private static string FirstClause(string text) => text.Split(["; ", ". "], 2, default)[0].TrimEnd('.');

    private static IEnumerable<string> Section(string heading, IEnumerable<(string Name, string Text)> rows)
    {
        var all = rows.ToArray();
        var width = all.Length == 0 ? 0 : Math.Min(NameWidth, all.Max(row => row.Name.Length)) + 2;
        return all.Length == 0
            ? []
            : [heading, .. all.SelectMany(row => Wrap($"  {row.Name.PadRight(width)}{row.Text}", width + 2)), ""];
    }

    /// <summary>Breaks a line between words; the lines after the first are indented.</summary>
    private static IEnumerable<string> Wrap(string text, int indentation)
    {
        while (text.Length > Width)
        {
            var end = text.LastIndexOf(' ', Width);
            yield return text[..end];
            text = new string(' ', indentation) + text[(end + 1)..];
        }

        yield return text;
    }
}
