using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Deploys the pending alterations to a temporary copy, and prints the report.</summary>
internal static class RehearseCommand
{
    public static Command Create(RunInHost inHost)
    {
        var schemaOnly = new Option<bool>("--schema-only")
        {
            Description = "Copy only the rows of small tables. This is fast, but does not see what an alteration does to other rows.",
        };
        var noStart = new Option<bool>("--no-start")
        {
            Description = "Do not start the target's Logto on the copy at the end.",
        };
        var output = new Option<string>("--output")
        {
            Description = "How to print the report on standard output: text, json or markdown.",
            DefaultValueFactory = _ => "text",
        };
        output.AcceptOnlyFromAmong("text", "json", "markdown");
        var command = new Command(
            "rehearse",
            "Deploy what is pending to a temporary copy of the database, and report what that does. The real one is only read.")
        {
            schemaOnly,
            noStart,
            output,
        };
        command.SetAction((parsed, _) =>
        {
            var mode = parsed.GetValue(schemaOnly) ? RehearsalMode.Schema : RehearsalMode.Full;
            return RunAsync(inHost, mode, parsed.GetValue(noStart), parsed.GetValue(output)!);
        });
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, RehearsalMode mode, bool noStart, string output)
    {
        AlterationCatalog? catalog = null;
        RehearsalReport? report = null;
        var outcome = await inHost("rehearse", (parts, stop) =>
        {
            catalog = parts.GetRequiredService<AlterationCatalog>();
            var starts = !noStart && parts.GetRequiredService<ProgramSettings>().RehearseStart;
            return parts.GetRequiredService<RehearsedUpgrade>().RunAsync(mode, starts, seen => report = seen, stop);
        });
        await StandardOutput.WriteAsync(output switch
        {
            "json" => RehearsalJson.Of(outcome, catalog, report),
            "markdown" => RehearsalMarkdown.Of(outcome, report),
            _ => report is null ? "" : RehearsalText.Of(report, StandardOutput.TakesColours), // the log has the sentence
        });
        return (int)outcome.ExitCode;
    }
}
