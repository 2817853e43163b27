using System.Reflection;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The tables of docs/reference.md are the contract; the code keeps it.</summary>
public sealed class ReferenceSpecs
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Checkout.Root, "docs", "reference.md"));

    [Fact]
    public void The_table_of_variables_is_what_the_code_says()
    {
        var commands = Variables.All.SelectMany(variable => variable.Commands).Distinct().Count();

        Assert.Equal(
            Variables.All.Select(variable =>
                $"| `{variable.Name}` | {(variable.Default.Length == 0 ? "" : $"`{variable.Default}` ")}| {(variable.Commands.Count == commands ? "all" : string.Join(", ", variable.Commands))} | {variable.Meaning} |"),
            LinesOf("Variables").Where(line => line.StartsWith("| `", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_variable_is_for_commands_that_there_are() =>
        Assert.Empty(Variables.All.SelectMany(variable => variable.Commands).Distinct().Except(CommandsInTable()));

    [Fact]
    public void Every_outcome_has_one_name_of_its_own() =>
        Assert.Equal(
            EndingsSpecs.Cases.Count,
            EndingsSpecs.Samples.GroupBy(sample => sample.GetType()).Select(samples => Assert.Single(samples.Select(sample => sample.Name).Distinct())).Distinct().Count());

    [Fact]
    public void Every_event_has_a_number_of_its_own_and_is_documented_with_its_sentence()
    {
        var events = typeof(Log).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().ToArray();

        Assert.Equal(events.Length, events.Select(each => each.EventId).Distinct().Count());
        Assert.Equal(
            events.OrderBy(each => each.EventId).Select(each => $"{each.EventId} {each.Level} {each.Message}").ToArray(),
            Rows("Events").Select(row => $"{row[0]} {Enum.Parse<LogLevel>(row[1], ignoreCase: true)} {row[2].Replace(@"\|", "|", StringComparison.Ordinal)}").ToArray());
    }

    [Fact]
    public void The_READMEs_short_list_names_every_command()
    {
        var readme = File.ReadAllText(Path.Combine(Checkout.Root, "README.md"));

        Assert.All(CommandsInTable(), command => Assert.Contains($"`{command}", readme, StringComparison.Ordinal));
    }

    private static string[] CommandsInTable() => [.. Rows("Commands").Select(row => row[0].Split('`')[1].Split(' ')[0]).Where(word => !word.StartsWith('-'))];

    /// <summary>The rows of the one table below a heading, without its head.</summary>
    private static IEnumerable<string[]> Rows(string heading) =>
        LinesOf(heading).Where(line => line.StartsWith('|')).Skip(2).Select(line => line.Trim('|').Split(" | ", StringSplitOptions.TrimEntries));

    private static IEnumerable<string> LinesOf(string heading) =>
        Lines.SkipWhile(line => line != $"## {heading}").Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal));
}
