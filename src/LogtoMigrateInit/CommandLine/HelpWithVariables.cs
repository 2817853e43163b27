using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.CommandLine;

/// <summary>The library's help, and below it the variables that the command acts on.</summary>
internal sealed class HelpWithVariables(HelpAction usual) : SynchronousCommandLineAction
{
    private const int Indentation = 6;
    private const int UsualWidth = 100;

    public override int Invoke(ParseResult parseResult)
    {
        var result = usual.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        var command = parseResult.CommandResult.Command is RootCommand ? "migrate" : parseResult.CommandResult.Command.Name;
        var variables = Variables.All.Where(variable => variable.Commands.Contains(command)).ToArray();
        if (variables.Length > 0)
        {
            output.WriteLine("Variables:");
            foreach (var variable in variables)
            {
                output.WriteLine($"  {variable.Name}{(variable.Default.Length == 0 ? "" : $" [default: {variable.Default}]")}");
                foreach (var line in Wrap(variable.Meaning.Replace("`", "", StringComparison.Ordinal)))
                {
                    output.WriteLine($"{new string(' ', Indentation)}{line}");
                }
            }

            output.WriteLine();
        }

        return result;
    }

    private static IEnumerable<string> Wrap(string text)
    {
        var line = "";
        foreach (var word in text.Split(' '))
        {
            if (line.Length + word.Length + 1 > UsualWidth - Indentation)
            {
                yield return line;
                line = "";
            }

            line = line.Length == 0 ? word : $"{line} {word}";
        }

        yield return line;
    }
}
