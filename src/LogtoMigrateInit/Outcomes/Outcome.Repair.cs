using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Repaired(AlterationCatalog Catalog, AlterationState State, int Count, int Compared)
        : Outcome(
            "repaired", ExitCode.Success,
            $"{RepairedSoFar(Count)}. The schema matches Logto {Catalog.TargetVersion} (state {State}): all {Compared} objects are " +
            "what this image itself creates, and no login as a tenant's role failed. Logto can start.", State);

    /// <param name="Code">7 if Logto would refuse to start or fail; otherwise 15.</param>
    /// <param name="Left">One clause for each remaining problem.</param>
    public sealed record RepairIncomplete(ExitCode Code, int Count, IReadOnlyList<string> Left)
        : Outcome(
            "repairIncomplete", Code,
            $"{RepairedSoFar(Count)}, and {Counted.Are(Left.Count, "problem")} left: " +
            $"{string.Join("; ", Left.Take(Few))}{(Left.Count > Few ? "; …" : "")}. " +
            "Next: read the report on standard output, run the SQL that it has for them or do what it says instead, then run " +
            "`logto-migrate-init repair` again.")
    {
        private const int Few = 3;
    }

    public sealed record RepairNotConfirmed(int Repairable, int Found)
        : Outcome(
            "repairNotConfirmed", ExitCode.RestoreRefused,
            $"Nothing was repaired and nothing was changed, because it was not confirmed. {Counted.Of(Found, "problem")} " +
            $"{(Found == 1 ? "was" : "were")} found, and this command can repair {Repairable}. Next: read the SQL on standard output, " +
            "and run `logto-migrate-init repair --yes`, or answer y at a terminal.");

    public sealed record RepairRefused(string Reason)
        : Outcome("repairRefused", ExitCode.RestoreRefused, $"Nothing was repaired and nothing was changed: {End(Reason)}");

    /// <param name="Code">The exit code of the reason.</param>
    /// <param name="Applied">The number of findings whose SQL ran without an error.</param>
    public sealed record RepairStopped(ExitCode Code, int Applied, string Reason)
        : Outcome(
            "repairStopped", Code,
            $"The SQL for {Counted.Of(Applied, "problem")} was applied, and the command stopped before it could look at the result: " +
            Then(Reason, "run `logto-migrate-init repair` again."));

    public sealed record RepairUncompared(int Count, string Reason)
        : Outcome(
            "repairUncompared", ExitCode.RehearsalFailed,
            $"{RepairedSoFar(Count)}, and no other problem is known. But the schema could not be compared with what this image itself " +
            $"creates: {Then(Reason, "correct that, and run `logto-migrate-init repair` again.")}");

    private static string RepairedSoFar(int count) => count == 0 ? "Nothing was repaired" : $"Repaired {Counted.Of(count, "problem")}";
}
