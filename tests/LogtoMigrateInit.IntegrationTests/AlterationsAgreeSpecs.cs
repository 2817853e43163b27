using System.Globalization;
using System.Text.Json;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>File names and states mean to the gate what they mean to Logto's own code; see alterations.mjs.</summary>
public sealed class AlterationsAgreeSpecs
{
    private const int GeneratedNames = 5000;
    private const int GeneratedStates = 2000;

    [Fact(Timeout = 600_000)]
    public async Task File_names_and_states_mean_what_they_mean_to_the_CLI()
    {
        string[] names = [.. Directory.EnumerateFileSystemEntries(LogtoRelease.Newest.AlterationsDirectory).Select(each => Path.GetFileName(each)), .. GenerateNames()];
        string[] states = [.. GenerateStates()];
        var answers = await AskAsync(names, states);

        Assert.All(names.Zip(answers.Names), pair => Assert.Equal((pair.First, Describe(pair.Second)), (pair.First, Describe(pair.First))));
        Assert.All(states.Zip(answers.States), pair => Assert.Equal((pair.First, Damage(pair.Second)), (pair.First, ParseState(pair.First))));
        Assert.All([.. answers.Names.Select(answer => answer.Kind).Distinct()], kind => Assert.InRange(answers.Names.Count(answer => answer.Kind == kind), 50, names.Length));
        Assert.InRange(states.Count(state => ParseState(state) is not null), 200, states.Length - 200);
    }

    private static string Describe(NameAnswer answer) => answer.Kind switch
    {
        // The CLI does not stop at NaN, but it sorts it anywhere and never deploys it; the gate says so at once.
        "without an order" => "refused",
        "alteration" => $"alteration {answer.Timestamp!.Value.ToString("R", CultureInfo.InvariantCulture)}",
        _ => answer.Kind,
    };

    private static string Describe(string name)
    {
        try
        {
            return Alteration.Parse(name) is { } alteration ? $"alteration {alteration.Timestamp.ToString("R", CultureInfo.InvariantCulture)}" : "other file";
        }
        catch (FormatException)
        {
            return "refused";
        }
    }

    /// <summary>What the CLI reads is a state, unless it cannot be one: see <see cref="AlterationState.Oldest"/> and <see cref="AlterationState.Newest"/>.</summary>
    private static double? Damage(string cli) =>
        double.Parse(cli, CultureInfo.InvariantCulture) is >= 1674987042 and <= 9999999999 and var timestamp ? timestamp : null;

    private static double? ParseState(string text)
    {
        try
        {
            return AlterationState.Parse(text).Timestamp;
        }
        catch (FormatException)
        {
            return null;
        }
    }

#pragma warning disable CA5394 // A fixed seed makes the same list in every run; nothing here is secret.
    private static IEnumerable<string> GenerateNames()
    {
        string[] parts =
        [
            "-", "-", "-", ".", "1784620000", "1784620000", "1663923770.1", "0", "5", "00001784620000", "9999999999", "10000000000", "1784620000000", "١٢٣", "1e9", "next", "1.43.0", "1.0.0_rc.1", "a", "add-users", ".js", ".js", ".d.ts", ".mjs", "js", " ", "\t", "\n", "\r", "\u2028", "\u2029", "\u0085",
            "ö", "😀", "%2d", "_", "--", "..", "-.", ".-", "+", "N",
        ];
        var random = new Random(20261122);
        for (var count = 0; count < GeneratedNames; count++)
        {
            var middle = string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => parts[random.Next(parts.Length)]));
            yield return random.Next(4) switch
            {
                0 => middle,
                1 => $"{middle}.js",
                2 => $"1.43.0-1784620000{middle}.js",
                _ => $"next-{middle}-name.js",
            };
        }
    }

    private static IEnumerable<string> GenerateStates()
    {
        string[] pieces =
        [
            "{", "}", "[", "]", ",", ":", "\"timestamp\"", "\"timest\\u0061mp\"", "\"updatedAt\"", "\"a\"", "1784620000", "1784620000.5", "1.78462e9", "-1784620000", "0", "-0", "1674987041", "1784620000000", "1e999", "01", "1.", ".5", "+1", "null", "true", "NaN", "\"1784620000\"", "\"2026-01-01T00:00:00.000Z\"", "\"\\ud83d\\ude00\"",
            " ", "\n", "\u00a0", "\ufeff", "'a'", "//", "\"", "\"\t\"", "undefined",
        ];
        string[] values = ["1784620000", "1784620000.5", "1.78462e9", "-1", "0", "1674987041", "1674987042", "9999999999", "9999999999.5", "1e999", "null", "true", "\"1784620000\"", "[1784620000]", "{\"timestamp\":1784620000}", "\"\"", "\"2026\"", "01", ""];
        string[] keys = ["timestamp", "timest\\u0061mp", "updatedAt", "updated\\u0041t", "Timestamp", "__proto__", "a", ""];
        var random = new Random(20261122);
        for (var count = 0; count < GeneratedStates; count++)
        {
            yield return random.Next(4) switch
            {
                0 => string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => pieces[random.Next(pieces.Length)])),
                1 => $"{{\"timestamp\":1784620000,{Members(2)}}}",
                2 => $"{{\"timestamp\":1784620000{pieces[random.Next(pieces.Length)]}}}",
                _ => $" {{ {Members(1 + random.Next(3))} }} ",
            };
        }

        string Members(int count) => string.Join(',', Enumerable.Range(0, count).Select(_ => $"\"{keys[random.Next(keys.Length)]}\": {values[random.Next(values.Length)]}"));
    }
#pragma warning restore CA5394

    private static async Task<Answers> AskAsync(string[] names, string[] states)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { names, states }), TestContext.Current.CancellationToken);
            var result = await Tool.RunAsync(
                Repository.Node,
                [Path.Combine(Repository.Fixtures, "alterations.mjs"), Path.Combine(LogtoRelease.Newest.Directory, "node_modules"), file],
                cancellationToken: TestContext.Current.CancellationToken);
            return JsonSerializer.Deserialize<Answers>(result.StandardOutput, JsonSerializerOptions.Web)!;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private sealed record Answers(IReadOnlyList<NameAnswer> Names, IReadOnlyList<string> States);

    private sealed record NameAnswer(string Kind, double? Timestamp);
}
