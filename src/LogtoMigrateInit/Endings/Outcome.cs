using System.Diagnostics;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Endings;

/// <summary>
/// How a run ended: a number for the orchestrator and a sentence for the operator, which says what happened, with which values,
/// and what to do next.
/// </summary>
internal abstract record Outcome
{
    private Outcome(ExitCode exitCode, string message) => (ExitCode, Message) = (exitCode, OneLine.Escape(message));

    public ExitCode ExitCode { get; }

    public string Message { get; private init; }

    /// <summary>The same with the command that brings back what was there before; a success needs none.</summary>
    public Outcome WithWayBack(string? restore) => restore is null || ExitCode == ExitCode.Success
        ? this
        : this with { Message = $"{Message} To have back what was there before: `{OneLine.Escape(restore)}`." };

    public sealed record Matches(AlterationCatalog Catalog, AlterationState State, string Done = "nothing was pending")
        : Outcome(ExitCode.Success, $"The schema matches Logto {Catalog.TargetVersion} (state {State}, {Done}). Logto can start.");

    public sealed record AheadAllowed(AlterationCatalog Catalog, AlterationState State, GateOptions Options, string Compared = "")
        : Outcome(
            ExitCode.Success,
            $"The database is ahead of Logto {Catalog.TargetVersion} (state {State}, this image ends at {Catalog.Last.FormattedTimestamp}) " +
            $"and LOGTO_INIT_AHEAD={(double.IsInfinity(Options.AheadLimit) ? "allow" : AlterationState.Format(Options.AheadLimit))} says that this is meant{Compared}. Logto can start.");

    public sealed record Unexpected(Exception Error)
        : Outcome(
            ExitCode.Unexpected,
            $"This is a bug in logto-migrate-init: {Error.GetType().Name}: {Error.Message} Nothing more was done. " +
            "Please report it with the log above; starting again is safe.");

    public sealed record WrongUsage(IReadOnlyList<string> Problems)
        : Outcome(ExitCode.WrongUsage, $"The configuration cannot be used, and nothing was done: {string.Join("; ", Problems)}.");

    public sealed record Unreachable(GateOptions Options, string Reason, string Remedy)
        : Outcome(
            ExitCode.Unreachable,
            $"The database at {Options.Host}:{Options.Port} could not be used within {Options.ConnectTimeout.TotalSeconds:0} s: " +
            $"{Reason}. {Sentence(Remedy)}; LOGTO_INIT_CONNECT_TIMEOUT_SECONDS sets how long to wait.");

    public sealed record Refused(GateOptions Options, string Reason, string Remedy)
        : Outcome(
            ExitCode.Refused,
            $"The database at {Options.Host}:{Options.Port} refused us as user '{Options.User}' in '{Options.Database}': " +
            $"{Reason}. {Sentence(Remedy)}.");

    public sealed record NoSuchDatabase(GateOptions Options)
        : Outcome(
            ExitCode.Refused,
            $"The server at {Options.Host}:{Options.Port} has no database '{Options.Database}'. " +
            $"{AdviceOnMissing(Options.Seed)}");

    public sealed record NotCreated(GateOptions Options, string Reason)
        : Outcome(
            ExitCode.Refused,
            $"The server at {Options.Host}:{Options.Port} has no database '{Options.Database}', and user '{Options.User}' " +
            $"could not create it through the database '{DatabaseCreation.MaintenanceDatabase}': {Reason}. " +
            $"Correct DB_URL, or create it as an administrator with `create database {LogtoDatabase.Quote(Options.Database)} " +
            $"owner {LogtoDatabase.Quote(Options.User)}` and start again.");

    public sealed record UnsupportedServer(int ServerVersion, int Oldest)
        : Outcome(
            ExitCode.Refused,
            $"The server runs PostgreSQL {ServerVersion / 10000}, and Logto needs {Oldest} or newer. " +
            "Nothing was deployed. Upgrade PostgreSQL first.");

    public sealed record ReadOnly(int PendingCount, bool InRecovery, TimeSpan Waited)
        : Outcome(
            ExitCode.Refused,
            $"{PendingCount} alterations are pending and the server stayed {(InRecovery ? "in recovery (a standby)" : "read-only")} for " +
            $"{Waited.TotalSeconds:0} s. Point DB_URL to the primary, or turn off default_transaction_read_only.");

    public sealed record LockTimedOut(TimeSpan Waited, string Holder)
        : Outcome(
            ExitCode.LockTimedOut,
            $"Another session still works on this database after {Waited.TotalSeconds:0} s: {Holder}. " +
            "If it is stuck, end it with `select pg_terminate_backend(PID)`, then start again; LOGTO_INIT_LOCK_TIMEOUT_SECONDS sets how " +
            "long to wait.");

    public sealed record FolderBusy(string Folder, TimeSpan Waited)
        : Outcome(
            ExitCode.LockTimedOut,
            $"Another process still runs Logto's CLI in {Folder} after {Waited.TotalSeconds:0} s, and two would destroy each other's " +
            "scripts. If it is stuck, end it, then start again; or give each gate an installation of its own.");

    public sealed record DeployFailed(string What, int Applied, int Planned, string? Alteration, string Reason)
        : Outcome(
            ExitCode.DeployFailed,
            $"{What}: {Applied} of {Planned} alterations are " +
            $"applied{(Alteration is null ? "" : $", and {Alteration} is the one that is not")}.{(Reason.Length == 0 ? "" : $" {Reason.TrimEnd('.')}.")} " +
            "What is applied is complete; mend the cause and start again, and the rest is deployed.");

    public sealed record LockLost()
        : Outcome(
            ExitCode.DeployFailed,
            "The migration lock was lost, because its connection broke or this machine stood still, so nothing more was done. " +
            "What is applied is complete; start again, and the rest is deployed.");

    public sealed record SeedFailed(string What, bool IsStillEmpty, string Reason)
        : Outcome(
            ExitCode.DeployFailed,
            $"{What}, and {(IsStillEmpty ? StillEmpty : NotLookedAt)}.{(Reason.Length == 0 ? "" : $" {Reason.TrimEnd('.')}.")} " +
            "Mend the cause and start again.")
    {
        private const string StillEmpty = "the database is still empty, because a seed is one transaction";

        private const string NotLookedAt =
            "the database could not be looked at afterwards; a seed is one transaction, so it holds all of it or nothing";
    }

    public sealed record AlterationsLeft(AlterationCatalog Catalog, AlterationState State, int Left)
        : Outcome(
            ExitCode.Unstartable,
            $"Logto's CLI reported success and {Left} alterations are still pending (state {State}, Logto {Catalog.TargetVersion} ends at " +
            $"{Catalog.Last.FormattedTimestamp}). Logto would refuse to start. Use an unmodified image of Logto, and look at the CLI's " +
            "output above.");

    public sealed record RowSecurityOff(AlterationState State, IReadOnlyList<Alteration> Alterations, IReadOnlyList<string> Tables)
        : Outcome(
            ExitCode.Unstartable,
            $"{Before(Alterations)} Logto would refuse to start: {Tables.Count} {(Tables.Count == 1 ? "table has" : "tables have")} no " +
            $"row-level security{(Alterations.Count > 0 ? ", and no pending alteration names them" : "")}: " +
            $"{Some(Tables)}. Move tables that are not Logto's to another schema; for Logto's own run `alter table " +
            $"{LogtoDatabase.Quote(Tables[0])} enable row level security` and restore its policies from a backup.");

    public sealed record RolesUnusable(AlterationState State, IReadOnlyList<Alteration> Alterations, TenantRoles Roles)
        : Outcome(ExitCode.Unstartable, $"{Before(Alterations)} Logto would start and answer nothing but errors: {RoleAdvice.Describe(Roles)}");

    public sealed record LoginsFailed(AlterationCatalog Catalog, AlterationState State, IReadOnlyList<FailedLogin> Failed)
        : Outcome(
            ExitCode.Unstartable,
            $"The schema matches Logto {Catalog.TargetVersion} (state {State}), and Logto would start and answer nothing but errors, " +
            "because it cannot work as its tenants' roles: " +
            $"{string.Join("; ", Failed.Select(login => $"as '{login.Role}': {login.Reason}"))}. {RoleAdvice.Remedy(Failed)}");

    public sealed record TenantsHidden(GateOptions Options, AlterationState State, string Reason)
        : Outcome(
            ExitCode.Refused,
            $"User '{Options.User}' may not read in Logto's table 'tenants' how its tenants log in: " +
            $"{Reason}. Logto reads it as the same user, and would answer nothing but errors. Let DB_URL name the owner of Logto's tables.");

    public sealed record Ahead(AlterationCatalog Catalog, AlterationState State, GateOptions Options)
        : Outcome(
            ExitCode.Ahead,
            $"The database is ahead: its state {State} is newer than {Catalog.Last.FormattedTimestamp}, the last alteration of Logto " +
            $"{Catalog.TargetVersion}{(Options.AheadLimit > 0 ? $", and than {AlterationState.Format(Options.AheadLimit)}, which LOGTO_INIT_AHEAD allows" : "")}. " +
            $"To go back, run `logto-migrate-init rollback {Catalog.TargetVersion}` in the newer image (or, without a backup and a " +
            $"rehearsal, its `npm run cli db alteration rollback {Catalog.TargetVersion}`); or start the newer Logto again; if it was " +
            $"rolled back already set LOGTO_INIT_AHEAD={State}, and in a rolling update LOGTO_INIT_AHEAD=allow.");

    public sealed record Empty(string Database)
        : Outcome(
            ExitCode.Empty,
            $"The database '{Database}' is empty and seeding is off. Check DB_URL and the server's storage; " +
            "for a first installation set LOGTO_INIT_SEED=true for this one start.");

    public sealed record WouldSeed(string Database)
        : Outcome(ExitCode.Empty, $"The database '{Database}' is empty. Run `logto-migrate-init migrate`, which seeds it, as LOGTO_INIT_SEED says.");

    public sealed record NotLogto(string Database, string Reason)
        : Outcome(
            ExitCode.NotLogto,
            $"The database '{Database}' is not one that Logto's CLI can migrate safely: {Reason}. Nothing was touched. " +
            "Check DB_URL, or restore the database from a backup.");

    public sealed record DamagedByCli(string Database, string Reason)
        : Outcome(
            ExitCode.NotLogto,
            $"Logto's CLI has run, and the database '{Database}' is not a whole Logto database now: " +
            $"{Reason}. Look at the CLI's output above, and restore the database from a backup.");

    public sealed record TargetUnusable(string Problem) : Outcome(ExitCode.TargetUnusable, Problem);

    public sealed record Pending(AlterationCatalog Catalog, AlterationState State, IReadOnlyList<Alteration> Alterations)
        : Outcome(
            ExitCode.Pending,
            $"{Alterations.Count} alterations are pending before Logto {Catalog.TargetVersion} can start (state {State}, needed " +
            $"{Catalog.Last.FormattedTimestamp}). Run `logto-migrate-init migrate`.");

    public sealed record PreflightFailed(IReadOnlyList<string> Problems)
        : Outcome(ExitCode.PreflightFailed, $"The deploy would fail half way, so it was not begun: {string.Join("; ", Problems)}.");

    public sealed record BackedUp(string Path, long Bytes, long Rows, int Tables, bool IsRestored, string Restore)
        : Outcome(
            ExitCode.Success,
            $"Backed up to {Path}: {Bytes / 1048576.0:0.0} MB, {Rows} rows in {Tables} tables, {(IsRestored ? "restored and the same row for row" : "read again and whole")}. To have it back: `{Restore}`.");

    public sealed record BackupFailed(string Reason, string? NotDone)
        : Outcome(ExitCode.BackupFailed, $"The backup was not made{(NotDone is null ? "" : $", and nothing was {NotDone}")}: {Reason}.");

    public sealed record Rehearsed(AlterationCatalog Catalog, int Count, string Summary)
        : Outcome(
            ExitCode.Success,
            $"The upgrade to Logto {Catalog.TargetVersion} works on a copy of the database ({Count} {(Count == 1 ? "alteration" : "alterations")}): {Summary}. " +
            "The real database is as it was; `logto-migrate-init migrate` deploys them.");

    public sealed record RehearsalFailed(AlterationCatalog Catalog, string? Alteration, string Reason)
        : Outcome(
            ExitCode.RehearsalFailed,
            $"The upgrade to Logto {Catalog.TargetVersion} fails on a copy of the database{(Alteration is null ? "" : $", at {Alteration}")}: {Reason.TrimEnd('.')}. " +
            "The real database is as it was, and nothing was deployed. Mend the cause there, and start again.");

    public sealed record RehearsalImpossible(string Reason)
        : Outcome(
            ExitCode.RehearsalFailed,
            $"The upgrade could not be rehearsed, and nothing was deployed: {Reason.TrimEnd('.')}.");

    public sealed record Drifted(AlterationCatalog Catalog, AlterationState State, int Count, string First)
        : Outcome(
            ExitCode.Drift,
            $"The state is {(State.Timestamp > Catalog.Last.Timestamp ? $"one that LOGTO_INIT_AHEAD allows Logto {Catalog.TargetVersion}" : $"that of Logto {Catalog.TargetVersion}")} ({State}), and the schema differs from what that release itself creates in {Count} {(Count == 1 ? "object" : "objects")}: {First}. " +
            "Logto can start; what mends each is in the report above.");

    public sealed record DriftUnknown(string Reason)
        : Outcome(ExitCode.RehearsalFailed, $"The schema could not be compared with what this image itself creates: {Reason.TrimEnd('.')}.");

    public sealed record Restored(string Database, string? Former, string Level)
        : Outcome(
            ExitCode.Success,
            $"The database '{Database}' is restored{(Former is null ? "" : $", and what it was before is kept as '{Former}' (`drop database {LogtoDatabase.Quote(Former)}` when nobody needs it)")}. {Level}");

    public sealed record RestoreRefused(string Reason)
        : Outcome(ExitCode.RestoreRefused, $"Nothing was restored and nothing was changed: {Reason}.");

    public sealed record RestoreUnknown(string Database, string Fresh, string? Former, string Reason)
        : Outcome(
            ExitCode.RestoreFailed,
            $"The connection broke while the server put the restored database in its place ({Reason}). Nothing is lost: if there is " +
            $"a database '{Fresh}', the old one is still '{Database}', and the same command does it again; if not, '{Database}' is the restored one" +
            $"{(Former is null ? "" : $", and the old one is '{Former}'")}.");

    public sealed record RolledBack(string Version, AlterationState State, string Count, IReadOnlyList<Alteration> Unchanging)
        : Outcome(
            ExitCode.Success,
            $"The database is back at Logto {Version} (state {State}, {Count} reverted" +
            $"{(Unchanging.Count == 0 ? "" : $", {Unchanging.Count} of which changed nothing although Logto reports success: {Some([.. Unchanging.Select(alteration => alteration.FileName)])}")}). " +
            $"Start Logto {Version} with LOGTO_INIT_AHEAD={State}, which lets its own gate pass this state and none above it.");

    public sealed record AtLevel(string Version, AlterationState State, Alteration Level)
        : Outcome(
            ExitCode.Success,
            $"The database is at Logto {Version} already (state {State}, that release ends at {Level.FormattedTimestamp}), and nothing was rolled back. " +
            $"Start Logto {Version}{(State.Timestamp > Level.Timestamp ? $" with LOGTO_INIT_AHEAD={State}" : "")}; the schema was not looked at, which `check --drift` in that image does.");

    public sealed record RollbackRefused(string Reason)
        : Outcome(ExitCode.RestoreRefused, $"Nothing was rolled back and nothing was changed: {Reason.TrimEnd('.')}.");

    public sealed record RollbackWouldFail(string Version, string? Alteration, string Reason, (string Restore, DateTime TakenAt)? Earlier)
        : Outcome(
            ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} fails on a copy of the database{(Alteration is null ? "" : $", at {Alteration}")}: {Reason.TrimEnd('.')}. " +
            "The real database is as it was, and nothing was rolled back. Mend the cause there and start again" +
            $"{(Earlier is { } backup ? $"; or restore the backup of {backup.TakenAt:yyyy-MM-dd HH:mm} UTC with `{backup.Restore}`, which loses everything since" : "")}.");

    public sealed record RollbackNotRehearsed(string Version, string Reason)
        : Outcome(
            ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} could not be rehearsed, and nothing was rolled back: {Reason.TrimEnd('.')}.");

    public sealed record RollbackFailed(string Version, int? Reverted, int Planned, string? Alteration, string Reason)
        : Outcome(
            ExitCode.RestoreFailed,
            $"The rollback to Logto {Version} did not end as on the copy: {Reason.TrimEnd('.')}. " +
            $"{(Reverted is null ? $"How many of {Planned} alterations are reverted could not be seen" : $"{Reverted} of {Planned} alterations are reverted")}" +
            $"{(Alteration is null ? "" : $", and {Alteration} is the next")}. " +
            (Reverted == Planned
                ? $"The state is that of Logto {Version}; mend what differs, and see with `check --drift` in its image that nothing does."
                : $"All data is in the database. Mend the cause and run `logto-migrate-init rollback {Version}` again, which carries on; until then do not start the newer Logto or its gate, for indexes may be gone."));

    public sealed record Stopped(ExitCode Signal, string Name)
        : Outcome(Signal, $"Stopped by {Name}. What was applied is complete, nothing stays locked, and the same command, started again, carries on.");

    /// <summary>The ending that a verdict means when nothing is done about it.</summary>
    public static Outcome Of(Verdict verdict, AlterationCatalog catalog, GateOptions options) => verdict switch
    {
        Verdict.Matching matching => new Matches(catalog, matching.State),
        Verdict.Ahead ahead => ahead.State.Timestamp <= options.AheadLimit ? new AheadAllowed(catalog, ahead.State, options) : new Ahead(catalog, ahead.State, options),
        Verdict.Unstartable open => new RowSecurityOff(open.State, open.Alterations, open.TablesWithoutRowSecurity),
        Verdict.LockedOut lockedOut => new RolesUnusable(lockedOut.State, lockedOut.Alterations, lockedOut.Roles),
        Verdict.Hidden hidden => new TenantsHidden(options, hidden.State, hidden.Reason),
        Verdict.Pending pending => new Pending(catalog, pending.State, pending.Alterations),
        Verdict.Foreign foreign => new NotLogto(options.Database, foreign.Reason),
        Verdict.Damaged damaged => new NotLogto(options.Database, damaged.Reason),
        Verdict.Empty => new Empty(options.Database),
        _ => throw new UnreachableException(),
    };

    /// <summary>The ending that a database out of reach means.</summary>
    public static Outcome Of(DatabaseException failure, GateOptions options) => failure.Failure switch
    {
        DatabaseFailure.NotYet => new Unreachable(options, failure.Message, failure.Remedy),
        DatabaseFailure.NoSuchDatabase => new NoSuchDatabase(options),
        _ => new Refused(options, failure.Message, failure.Remedy),
    };

    private static string Sentence(string clause) => $"{char.ToUpperInvariant(clause[0])}{clause[1..]}";

    private static string Some(IReadOnlyList<string> names) =>
        names.Count <= 10 ? string.Join(", ", names) : $"{string.Join(", ", names.Take(10))} and {names.Count - 10} more";

    private static string Before(IReadOnlyList<Alteration> pending) => pending.Count == 0
        ? "Nothing is pending, and"
        : $"{pending.Count} {(pending.Count == 1 ? "alteration is" : "alterations are")} pending and nothing was begun, because afterwards";

    private static string AdviceOnMissing(SeedMode seed) => seed switch
    {
        SeedMode.False => "Correct DB_URL; for a first installation set LOGTO_INIT_SEED=create for one start, which creates and seeds it.",
        SeedMode.True =>
            "LOGTO_INIT_SEED=true seeds only a database that is there: correct DB_URL, or create it; " +
            "LOGTO_INIT_SEED=create does both, for a first installation.",
        _ => "Correct DB_URL, or run `logto-migrate-init migrate`, which creates and seeds it, as LOGTO_INIT_SEED says.",
    };
}
