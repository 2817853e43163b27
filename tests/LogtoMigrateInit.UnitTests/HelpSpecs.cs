using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Outcomes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What the program says of its own words.</summary>
public sealed class HelpSpecs
{
    private static readonly RootCommand Root = RootCommands.Create((_, _) => throw new InvalidOperationException(), outcome => outcome);

    public static TheoryData<string> Commands => [Root.Name, .. Root.Subcommands.Select(command => command.Name)];

    [Theory]
    [MemberData(nameof(Commands))]
    public void The_help_of_each_command_fits_a_screen_and_begins_with_what_it_does(string name)
    {
        var lines = CommandHelp.LinesFor(Root.Subcommands.FirstOrDefault(command => command.Name == name) ?? Root).ToArray();

        Assert.InRange(lines.Length, 8, 40);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 100));
        Assert.EndsWith(".", string.Join(' ', lines.TakeWhile(line => line.Length > 0)), StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("Usage: logto-migrate-init ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Examples: ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("https://", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("up", "migrate")]
    [InlineData("status", "check")]
    [InlineData("down", "rollback")]
    [InlineData("migrat", "migrate")]
    [InlineData("check --json", "--output json")]
    [InlineData("migrate --dry-run", "check")]
    [InlineData("check -q", "LOGTO_INIT_LOG_LEVEL=warning")]
    [InlineData("-V", "--version")]
    [InlineData("restore file --force", "--yes")]
    public async Task A_word_of_another_program_is_answered_with_ours(string words, string expected)
    {
        Outcome? seen = null;
        await RootCommands.InvokeAsync(words.Split(' '), (_, _) => throw new InvalidOperationException(), outcome => seen = outcome);

        Assert.Contains($"Did you mean {expected}", seen!.Message.Replace("the variable ", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}
