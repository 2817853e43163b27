using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Migration;

/// <summary>Tells the verdict and changes nothing.</summary>
internal static class CheckCommand
{
    public static Command Create(RunInHost inHost)
    {
        var wait = new Option<bool>("--wait")
        {
            Description = "Poll until the schema matches, or LOGTO_INIT_LOCK_TIMEOUT_SECONDS have passed.",
        };
        var deep = new Option<bool>("--deep")
        {
            Description = "When the schema matches, log in as Logto's own roles too, as Logto will (five at most).",
        };
        var drift = new Option<bool>("--drift")
        {
            Description = "When the state is right, compare the schema with what this image itself creates in a scratch database. " +
                "Exit code 15: it differs.",
        };
        var start = new Option<bool>("--start")
        {
            Description = "When nothing is pending, start this image's Logto on the database for a moment, on 127.0.0.1 only, and ask " +
                "it. Exit code 7: it does not work.",
        };
        var output = new Option<string>("--output")
        {
            Description = "How to print the plan on standard output: text or json.",
            DefaultValueFactory = _ => "text",
        };
        output.AcceptOnlyFromAmong("text", "json");
        var command = new Command("check", "Show what migrate would do, without a lock and without a write. Exit code 12: " +
            "alterations are pending.") { wait, deep, drift, start, output };
        command.SetAction((parsed, _) => RunAsync(
            inHost, parsed.GetValue(wait), parsed.GetValue(deep), parsed.GetValue(drift), parsed.GetValue(start),
            parsed.GetValue(output) == "json"));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, bool wait, bool deep, bool drift, bool start, bool asJson)
    {
        AlterationCatalog? catalog = null;
        DriftReport? report = null;
        ServerStart? started = null;
        var outcome = await inHost("check", async (parts, stop) =>
        {
            catalog = parts.GetRequiredService<AlterationCatalog>();
            var checker = parts.GetRequiredService<Checker>();
            var outcome = await checker.CheckAsync(wait, deep, stop);
            outcome = drift
                ? await checker.CheckDriftAsync(outcome, parts.GetRequiredService<DriftCheck>(), seen => report = seen, stop)
                : outcome;
            return start
                ? await checker.CheckStartAsync(outcome, parts.GetRequiredService<DatabaseStart>(), seen => started = seen, stop)
                : outcome;
        });
        await StandardOutput.WriteAsync(
            asJson ? CheckReport.AsJson(outcome, catalog, report, started) : CheckReport.AsText(outcome, report));
        return (int)outcome.ExitCode;
    }
}
