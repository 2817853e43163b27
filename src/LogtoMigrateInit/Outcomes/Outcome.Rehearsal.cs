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
            "Nothing was deployed. Next: correct what the message names, and start again.");

    public sealed record RehearsalImpossible(string Reason)
        : Outcome(
            "rehearsalImpossible", ExitCode.RehearsalFailed,
            $"The upgrade was not rehearsed, and nothing was deployed: {End(Reason)}");

    public sealed record Drifted(AlterationCatalog Catalog, AlterationState State, int Count, string First, string Sql)
        : Outcome(
            "drifted", ExitCode.Drift,
            $"{Count} {(Count == 1 ? "object differs" : "objects differ")} from what Logto {Catalog.TargetVersion} itself creates" +
            $"{(Count == 1 ? "" : ", for example")}: {First}. Logto can start (state {State}" +
            (State.Timestamp > Catalog.Last.Timestamp ? ", which LOGTO_INIT_AHEAD allows). " : "). ") +
            $"Next: {RepairAdvice.Run}, which applies what deletes nothing; {Sql}.", State);

    public sealed record DriftUnknown(AlterationState State, string Reason)
        : Outcome("driftUnknown", ExitCode.RehearsalFailed, "The schema was not compared with what this image itself creates: " +
            End(Reason), State);
}
