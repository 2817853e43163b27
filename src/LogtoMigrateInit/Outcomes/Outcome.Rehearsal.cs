using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Rehearsed(AlterationCatalog Catalog, int Count, string Summary)
        : Outcome(
            "rehearsed", ExitCode.Success,
            $"The upgrade to Logto {Catalog.TargetVersion} works on a copy of the database ({Counted.Of(Count, "alteration")}): " +
            $"{Summary}. " +
            (Count == 0 ? "" : "Next: run `logto-migrate-init migrate`, which deploys to the real database."));

    public sealed record RehearsalFailed(AlterationCatalog Catalog, string? Alteration, string Reason)
        : Outcome(
            "rehearsalFailed", ExitCode.RehearsalFailed,
            $"The upgrade to Logto {Catalog.TargetVersion} fails on a copy of the " +
            $"database{(Alteration is null ? "" : $", at {Alteration}")}: {End(Reason)} " +
            "Nothing was deployed. Next: fix the cause, and start again.");

    public sealed record RehearsalImpossible(string Reason)
        : Outcome(
            "rehearsalImpossible", ExitCode.RehearsalFailed,
            $"The upgrade was not rehearsed, and nothing was deployed: {End(Reason)}");

    public sealed record Drifted(AlterationCatalog Catalog, AlterationState State, int Count, string First, string Sql)
        : Outcome(
            "drifted", ExitCode.Drift,
            "The state is " +
            (State.Timestamp > Catalog.Last.Timestamp ? "one that LOGTO_INIT_AHEAD allows Logto " : "that of Logto ") +
            $"{Catalog.TargetVersion} ({State}), and the schema differs from what that release itself creates in " +
            $"{Count} {(Count == 1 ? "object" : "objects")}{(Count == 1 ? "" : ", for example")}: {First}. " +
            $"Logto can start; {Sql}. Next: {RepairAdvice.Run}, which applies what deletes nothing.", State);

    public sealed record DriftUnknown(AlterationState State, string Reason)
        : Outcome("driftUnknown", ExitCode.RehearsalFailed, "The schema was not compared with what this image itself creates: " +
            End(Reason), State);
}
