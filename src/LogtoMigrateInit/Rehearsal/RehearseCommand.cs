using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The command <c>rehearse</c>: deploys the pending alterations to a temporary copy, and prints the report.</summary>
internal static class RehearseCommand
{
    public static Command Create(RunInHost inHost)
    {
        var schemaOnly = new Option<bool>("--schema-only");
        var noStart = new Option<bool>("--no-start");
        var output = new OutputFormat("text", OutputFormat.Json, "markdown");
        var command = new Command("rehearse") { schemaOnly, noStart };
        output.AddTo(command);
        command.SetAction((parsed, _) =>
        {
            var mode = parsed.GetValue(schemaOnly) ? RehearsalMode.Schema : RehearsalMode.Full;
            return RunAsync(inHost, mode, parsed.GetValue(noStart), output.In(parsed));
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
            OutputFormat.Json => RehearsalJson.Of(outcome, catalog, report),
            "markdown" => RehearsalMarkdown.Of(outcome, report),
            _ => report is null ? "" : RehearsalText.Of(report, StandardOutput.TakesColours),
        });
        return (int)outcome.ExitCode;
    }
}
