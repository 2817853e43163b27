using System.CommandLine;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Endings;
using LogtoMigrateInit.Migration;
using Microsoft.Extensions.DependencyInjection;

namespace LogtoMigrateInit.Commands;

/// <summary>Tells the verdict and changes nothing.</summary>
internal static class CheckCommand
{
    public static Command Create(RunInHost inHost)
    {
        var wait = new Option<bool>("--wait") { Description = "Look again until the schema matches, or LOGTO_INIT_LOCK_TIMEOUT_SECONDS have passed." };
        var deep = new Option<bool>("--deep") { Description = "When the schema matches, log in as Logto's own roles too, as Logto will (five at most)." };
        var output = new Option<string>("--output") { Description = "How to print the plan on standard output.", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "json");
        var command = new Command("check", "Say what migrate would do, without a lock and without a write; exit code 12 when alterations are pending.") { wait, deep, output };
        command.SetAction((parsed, _) => RunAsync(inHost, parsed.GetValue(wait), parsed.GetValue(deep), parsed.GetValue(output) == "json"));
        return command;
    }

    private static async Task<int> RunAsync(RunInHost inHost, bool wait, bool deep, bool asJson)
    {
        AlterationCatalog? catalog = null;
        var outcome = await inHost("check", (parts, stop) =>
        {
            catalog = parts.GetRequiredService<AlterationCatalog>();
            return parts.GetRequiredService<Checker>().CheckAsync(wait, deep, stop);
        });
        try
        {
            await Console.Out.WriteAsync(asJson ? CheckReport.AsJson(outcome, catalog) : CheckReport.AsText(outcome));
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            // A closed standard output or a full disk changes nothing about the verdict, which the log and the exit code tell too.
        }

        return (int)outcome.ExitCode;
    }
}
