using System.CommandLine;
using System.Text.RegularExpressions;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The pages of <c>--help</c>, and the commands that they describe.</summary>
public sealed partial class HelpSpecs
{
    private const string Program = "logto-migrate-init";

    private static readonly RootCommand Root = RootCommands.Create(
        (_, _) => throw new InvalidOperationException(), _ => throw new InvalidOperationException());

    public static TheoryData<string> Names { get; } = [.. Root.Subcommands.Select(command => command.Name), Program];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_has_at_most_40_lines_of_100_columns(string name)
    {
        var lines = HelpPages.Of(name).Split('\n');

        Assert.InRange(lines.Length, 10, 40);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 100));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_names_every_option_and_argument_and_no_other_option(string name)
    {
        var page = HelpPages.Of(name);
        var command = Command(name);
        string[] known = [.. command.Options.Concat(Root.Options).SelectMany(option => option.Aliases.Append(option.Name))];

        Assert.All(command.Options.Where(option => option.Name is not ("--help" or "--version")), option => Assert.Contains(option.Name, page, StringComparison.Ordinal));
        Assert.All(command.Arguments, argument => Assert.Contains(argument.Name.ToUpperInvariant(), page, StringComparison.Ordinal));
        Assert.All(command.Subcommands, each => Assert.Contains($"\n  {each.Name} ", page, StringComparison.Ordinal));
        var examples = new Regex(@"--rm|run --\s|check --deep --drift").Replace(page, "");
        Assert.All(Option().Matches(examples), option => Assert.Contains(option.Value, known.Append("--help")));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_has_two_examples_and_variables_that_the_command_reads(string name)
    {
        var page = HelpPages.Of(name);
        var command = name == Program ? "migrate" : name;

        Assert.Contains("Examples:\n  ", page, StringComparison.Ordinal);
        Assert.All(
            Variable().Matches(page).Select(variable => variable.Value).Distinct(),
            variable => Assert.Contains(command, Assert.Single(Variables.All, each => each.Name == variable).Commands));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_names_exit_codes_that_exist(string name)
    {
        var page = HelpPages.Of(name);
        var codes = page[page.IndexOf("Exit codes:", StringComparison.Ordinal)..page.IndexOf("All variables", StringComparison.Ordinal)];

        Assert.All(Number().Matches(codes), code => Assert.True(Enum.IsDefined((ExitCode)int.Parse(code.Value, null)), code.Value));
    }

    [Fact]
    public void An_unknown_command_gets_the_page_of_the_program() => Assert.Equal(HelpPages.Of(Program), HelpPages.Of("nope"));

    private static Command Command(string name) => Root.Subcommands.FirstOrDefault(command => command.Name == name) ?? Root;

    [GeneratedRegex(@"(?<=\s)--[a-z][a-z-]*")]
    private static partial Regex Option();

    [GeneratedRegex("(?<=^  )(LOGTO_INIT_[A-Z_]+|DB_URL(_FILE)?)", RegexOptions.Multiline)]
    private static partial Regex Variable();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
