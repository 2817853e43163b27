using System.Reflection;
using LogtoMigrateInit.Commands;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>Names and numbers that scripts act on are those of docs/output.md.</summary>
public sealed class OutputContractSpecs
{
    private static readonly string[][] Rows =
        [.. File.ReadLines(Path.Combine(Checkout.Root, "docs", "output.md")).Where(line => line.StartsWith('|')).Select(line => line.Trim('|').Split(" | ", StringSplitOptions.TrimEntries))];

    [Fact]
    public void Every_ending_has_a_name_of_its_own_and_no_other_is_documented()
    {
        Assert.Equal(
            typeof(Outcome).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(Outcome))).OrderBy(type => type.Name),
            OutcomeNames.All.Keys.OrderBy(type => type.Name));
        Assert.Equal(OutcomeNames.All.Values.Order(), Rows.Where(row => row[0].StartsWith('`')).Select(row => row[0].Trim('`')).Order());
    }

    [Fact]
    public void Every_event_has_a_number_of_its_own_and_is_documented_with_its_sentence()
    {
        var events = typeof(Log).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().ToArray();

        Assert.Equal(events.Length, events.Select(each => each.EventId).Distinct().Count());
        Assert.Equal(
            events.OrderBy(each => each.EventId).Select(each => $"{each.EventId} {each.Level} {each.Message}").ToArray(),
            Rows.Where(row => char.IsAsciiDigit(row[0][0])).Select(row => $"{row[0]} {Enum.Parse<LogLevel>(row[1], ignoreCase: true)} {row[2].Replace(@"\|", "|", StringComparison.Ordinal)}").ToArray());
    }
}
