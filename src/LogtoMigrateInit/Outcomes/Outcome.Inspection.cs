using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Matches(AlterationCatalog Catalog, AlterationState State, string Done = "nothing was pending")
        : Outcome("matches", ExitCode.Success, $"The schema matches Logto {Catalog.TargetVersion} (state {State}, {Done}). Logto can " +
            $"start.", State);

    public sealed record AheadAllowed(AlterationCatalog Catalog, AlterationState State, ProgramSettings Settings, string Compared = "")
        : Outcome(
            "aheadAllowed", ExitCode.Success,
            $"The database is newer than this image (state {State}, Logto {Catalog.TargetVersion} ends at " +
            $"{Catalog.Last.FormattedTimestamp}), and LOGTO_INIT_AHEAD=" +
            $"{(double.IsInfinity(Settings.AheadLimit) ? "allow" : AlterationState.Format(Settings.AheadLimit))} " +
            $"allows that{Compared}. Logto can start.", State);

    /// <param name="RepairedBefore">How many problems <c>repair</c> has repaired before; otherwise 0.</param>
    public sealed record AlterationsPending(
        AlterationCatalog Catalog, AlterationState State, IReadOnlyList<Alteration> Pending, int RepairedBefore = 0)
        : Outcome(
            "pending", ExitCode.Pending,
            (RepairedBefore > 0 ? $"{RepairedSoFar(RepairedBefore)}. " : "") +
            $"{Counted.Are(Pending.Count, "alteration")} pending before Logto {Catalog.TargetVersion} can start (state {State}, needed " +
            $"{Catalog.Last.FormattedTimestamp}). Next: run `logto-migrate-init migrate`.", State, Pending);

    public sealed record Ahead(AlterationCatalog Catalog, AlterationState State, ProgramSettings Settings)
        : Outcome(
            "ahead", ExitCode.Ahead,
            $"The database is newer than this image (state {State}, Logto {Catalog.TargetVersion} ends at " +
            $"{Catalog.Last.FormattedTimestamp}" +
            (Settings.AheadLimit > 0 ? $", LOGTO_INIT_AHEAD allows up to {AlterationState.Format(Settings.AheadLimit)}" : "") +
            "). Next: start the newer image. To go back, run " +
            $"`logto-migrate-init rollback {Catalog.TargetVersion}` in the newer image. After such a rollback set " +
            $"LOGTO_INIT_AHEAD={State}. In a rolling update set LOGTO_INIT_AHEAD=allow.", State);

    public sealed record RowSecurityOff(AlterationState State, IReadOnlyList<Alteration> Pending, IReadOnlyList<string> Tables)
        : Outcome(
            "rowSecurityOff", ExitCode.Unstartable,
            $"{Before(Pending)} Logto would refuse to start: {Tables.Count} {(Tables.Count == 1 ? "table has" : "tables have")} no " +
            $"row-level security{(Pending.Count > 0 ? ", and no pending alteration names them" : "")}: " +
            $"{FirstOf(Tables)}. Next: move tables that are not Logto's to another schema; for Logto's own {RepairAdvice.RunForTables}.",
            State, Pending);

    public sealed record WouldFail(AlterationState State, IReadOnlyList<Alteration> Pending, IReadOnlyList<Fault> Faults)
        : Outcome(
            "wouldFail", ExitCode.Unstartable,
            $"{Before(Pending)} Logto would start and fail: {string.Join("; ", Faults.Select(fault => fault.What))}. " +
            $"Next: {string.Join("; ", Faults.Select(fault => fault.Remedy).Distinct())}.",
            State, Pending);

    public sealed record LoginsFailed(
        AlterationCatalog Catalog, AlterationState State, IReadOnlyList<FailedLogin> Failed, bool BehindPooler)
        : Outcome(
            "loginsFailed", ExitCode.Unstartable,
            $"Logto {Catalog.TargetVersion} would start and answer nothing but errors, because it cannot work as its tenants' roles: " +
            $"{string.Join("; ", Failed.Select(login => $"as '{login.Role}': {login.Reason}"))}. " +
            $"The schema matches (state {State}). Next: {RoleAdvice.Remedy(Failed, BehindPooler)}.", State);

    public sealed record StartFailed(AlterationCatalog Catalog, AlterationState State, string Reason)
        : Outcome(
            "startFailed", ExitCode.Unstartable,
            $"Logto {Catalog.TargetVersion} was started here and does not work: it {Reason.TrimEnd('.')}. The state of the database " +
            $"({State}) is right for it. Next: correct what the message names, and check again. " +
            "LOGTO_INIT_LOG_LEVEL=debug shows all that Logto prints.",
            State);

    public sealed record StartUnknown(AlterationState State, string Reason)
        : Outcome(
            "startUnknown", ExitCode.RehearsalFailed,
            $"Logto was not started, so the program does not know whether it works: {Then(Reason, "fix that, or check without --start.")}",
            State);

    public sealed record TenantsHidden(ProgramSettings Settings, AlterationState State, string Reason)
        : Outcome(
            "tenantsHidden", ExitCode.Refused,
            $"User '{Settings.Main.User}' may not read in Logto's table 'tenants' how its tenants log in: " +
            $"{Reason}. Logto reads it as the same user, and would answer nothing but errors. Next: let DB_URL name the owner of Logto's " +
            $"tables, here and for Logto.", State);

    public sealed record Empty(string Database)
        : Outcome(
            "empty", ExitCode.Empty,
            $"The database '{Database}' is empty, and LOGTO_INIT_SEED is false. Next: check DB_URL and the server's storage. " +
            "For a first installation set LOGTO_INIT_SEED=true for one start.");

    public sealed record WouldSeed(string Database)
        : Outcome("wouldSeed", ExitCode.Empty, $"The database '{Database}' is empty. Next: run `logto-migrate-init migrate`, which seeds " +
            "it (LOGTO_INIT_SEED).");

    public sealed record NotLogto(string Database, string Reason)
        : Outcome(
            "notLogto", ExitCode.NotLogto,
            $"Logto's CLI cannot migrate the database '{Database}' safely: {Reason}. " +
            "Next: let DB_URL name Logto's database, or restore it from a backup.");
}
