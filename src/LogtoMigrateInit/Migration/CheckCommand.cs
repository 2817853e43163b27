using System.CommandLine;
using LogtoMigrateInit.CommandLine;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// The command <c>check</c>: reports the verdict and changes nothing in Logto's database. With <c>--start</c> Logto itself may rotate a
/// signing key that is due.
/// </summary>
internal static class CheckCommand
{
    public static Command Create(RunInHost inHost)
    {
        var wait = new Option<bool>("--wait");
        var deep = new Option<bool>("--deep");
        var drift = new Option<bool>("--drift");
        var start = new Option<bool>("--start");
        var output = new OutputFormat("text", OutputFormat.Json);
        var command = new Command("check") { wait, deep, drift, start };
        output.AddTo(command);
        command.SetAction((parsed, _) => RunAsync(
            inHost, parsed.GetValue(wait), parsed.GetValue(deep), parsed.GetValue(drift), parsed.GetValue(start),
            output.In(parsed) == OutputFormat.Json));
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
