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
            $"The database is ahead of Logto {Catalog.TargetVersion} (state {State}, this image ends at " +
            $"{Catalog.Last.FormattedTimestamp}) " +
            $"and LOGTO_INIT_AHEAD={(double.IsInfinity(Settings.AheadLimit) ? "allow" : AlterationState.Format(Settings.AheadLimit))} " +
            $"says that this is meant{Compared}. Logto can start.", State);

    public sealed record AlterationsPending(AlterationCatalog Catalog, AlterationState State, IReadOnlyList<Alteration> Pending)
        : Outcome(
            "pending", ExitCode.Pending,
            $"{Counted.Are(Pending.Count, "alteration")} pending before Logto {Catalog.TargetVersion} can start (state {State}, needed " +
            $"{Catalog.Last.FormattedTimestamp}). Run `logto-migrate-init migrate`.", State, Pending);

    public sealed record Ahead(AlterationCatalog Catalog, AlterationState State, ProgramSettings Settings)
        : Outcome(
            "ahead", ExitCode.Ahead,
            $"The database is ahead: its state {State} is newer than {Catalog.Last.FormattedTimestamp}, the last alteration of Logto " +
            Catalog.TargetVersion +
            (Settings.AheadLimit > 0
                ? $", and than {AlterationState.Format(Settings.AheadLimit)}, which LOGTO_INIT_AHEAD allows"
                : "") + ". " +
            $"To go back, run `logto-migrate-init rollback {Catalog.TargetVersion}` in the newer image (or, without a backup and a " +
            $"rehearsal, its `npm run cli db alteration rollback {Catalog.TargetVersion}`); or start the newer Logto again; if it was " +
            $"rolled back already set LOGTO_INIT_AHEAD={State}, and in a rolling update LOGTO_INIT_AHEAD=allow.", State);

    public sealed record RowSecurityOff(AlterationState State, IReadOnlyList<Alteration> Pending, IReadOnlyList<string> Tables)
        : Outcome(
            "rowSecurityOff", ExitCode.Unstartable,
            $"{Before(Pending)} Logto would refuse to start: {Tables.Count} {(Tables.Count == 1 ? "table has" : "tables have")} no " +
            $"row-level security{(Pending.Count > 0 ? ", and no pending alteration names them" : "")}: " +
            $"{Some(Tables)}. Next: move tables that are not Logto's to another schema; for Logto's own {RepairAdvice.RunForTables}.",
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
            $"The schema matches Logto {Catalog.TargetVersion} (state {State}), and Logto would start and answer nothing but errors, " +
            "because it cannot work as its tenants' roles: " +
            $"{string.Join("; ", Failed.Select(login => $"as '{login.Role}': {login.Reason}"))}. " +
            $"Next: {RoleAdvice.Remedy(Failed, BehindPooler)}.", State);

    public sealed record StartFailed(AlterationCatalog Catalog, AlterationState State, string Reason)
        : Outcome(
            "startFailed", ExitCode.Unstartable,
            $"The schema is right for Logto {Catalog.TargetVersion} (state {State}), and Logto itself does not work. Started here, it " +
            $"{Reason.TrimEnd('.')}. Mend the cause and check again; LOGTO_INIT_LOG_LEVEL=debug shows all that Logto prints.", State);

    public sealed record StartUnknown(string Reason)
        : Outcome(
            "startUnknown", ExitCode.RehearsalFailed,
            $"Logto was not started, so it is not known whether it works: {Reason.TrimEnd('.')}. " +
            "Mend that, or check without --start.");

    public sealed record TenantsHidden(ProgramSettings Settings, AlterationState State, string Reason)
        : Outcome(
            "tenantsHidden", ExitCode.Refused,
            $"User '{Settings.Main.User}' may not read in Logto's table 'tenants' how its tenants log in: " +
            $"{Reason}. Logto reads it as the same user, and would answer nothing but errors. Let DB_URL name the owner of Logto's " +
            $"tables.", State);

    public sealed record Empty(string Database)
        : Outcome(
            "empty", ExitCode.Empty,
            $"The database '{Database}' is empty and seeding is off. Check DB_URL and the server's storage; " +
            "for a first installation set LOGTO_INIT_SEED=true for this one start.");

    public sealed record WouldSeed(string Database)
        : Outcome("wouldSeed", ExitCode.Empty, $"The database '{Database}' is empty. Run `logto-migrate-init migrate`, which seeds it, " +
            $"as LOGTO_INIT_SEED says.");

    public sealed record NotLogto(string Database, string Reason)
        : Outcome(
            "notLogto", ExitCode.NotLogto,
            $"The database '{Database}' is not one that Logto's CLI can migrate safely: {Reason}. Nothing was touched. " +
            "Check DB_URL, or restore the database from a backup.");
}
