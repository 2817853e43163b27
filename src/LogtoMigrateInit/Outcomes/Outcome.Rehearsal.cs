using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Rehearsed(AlterationCatalog Catalog, int Count, string Summary)
        : Outcome(
            "rehearsed", ExitCode.Success,
            $"The upgrade to Logto {Catalog.TargetVersion} works on a copy of the database ({Count} " +
            $"{(Count == 1 ? "alteration" : "alterations")}): {Summary}. " +
            "The real database is as it was; `logto-migrate-init migrate` deploys them.");

    public sealed record RehearsalFailed(AlterationCatalog Catalog, string? Alteration, string Reason)
        : Outcome(
            "rehearsalFailed", ExitCode.RehearsalFailed,
            $"The upgrade to Logto {Catalog.TargetVersion} fails on a copy of the " +
            $"database{(Alteration is null ? "" : $", at {Alteration}")}: {Reason.TrimEnd('.')}. " +
            "The real database is as it was, and nothing was deployed. Mend the cause there, and start again.");

    public sealed record RehearsalImpossible(string Reason)
        : Outcome(
            "rehearsalImpossible", ExitCode.RehearsalFailed,
            $"The upgrade could not be rehearsed, and nothing was deployed: {Reason.TrimEnd('.')}.");

    public sealed record Drifted(AlterationCatalog Catalog, AlterationState State, int Count, string First, string Sql)
        : Outcome(
            "drifted", ExitCode.Drift,
            "The state is " +
            (State.Timestamp > Catalog.Last.Timestamp ? "one that LOGTO_INIT_AHEAD allows Logto " : "that of Logto ") +
            $"{Catalog.TargetVersion} ({State}), and the schema differs from what that release itself creates in " +
            $"{Count} {(Count == 1 ? "object" : "objects")}{(Count == 1 ? "" : ", for example")}: {First}. " +
            $"Logto can start; {Sql}. Next: {RepairAdvice.Run}, which applies what deletes nothing.", State);

    public sealed record DriftUnknown(string Reason)
        : Outcome("driftUnknown", ExitCode.RehearsalFailed, $"The schema could not be compared with what this image itself creates: " +
            $"{Reason.TrimEnd('.')}.");
}
