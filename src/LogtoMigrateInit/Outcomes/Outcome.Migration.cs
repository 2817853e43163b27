using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record LockTimedOut(TimeSpan Waited, string Holder)
        : Outcome(
            "lockTimedOut", ExitCode.LockTimedOut,
            $"Another session still works on this database after {Waited.TotalSeconds:0} s: {Holder}. " +
            "If it is stuck, end it with `select pg_terminate_backend(PID)`, then start again; LOGTO_INIT_LOCK_TIMEOUT_SECONDS sets how " +
            "long to wait.");

    public sealed record FolderBusy(string Folder, TimeSpan Waited)
        : Outcome(
            "folderBusy", ExitCode.LockTimedOut,
            $"Another process still runs Logto's CLI in {Folder} after {Waited.TotalSeconds:0} s, and two would destroy each other's " +
            "scripts. If it is stuck, end it, then start again; or give each run an installation of its own.");

    public sealed record PreflightFailed(IReadOnlyList<string> Problems)
        : Outcome("preflightFailed", ExitCode.PreflightFailed, $"The deploy would fail half way, so it was not begun: " +
            $"{string.Join("; ", Problems)}.");

    public sealed record DeployFailed(string What, int Applied, int Planned, string? Alteration, string Reason)
        : Outcome(
            "deployFailed", ExitCode.DeployFailed,
            $"{What}: {Applied} of {Planned} alterations are " +
            $"applied{(Alteration is null ? "" : $", and {Alteration} is the one that is not")}." +
            $"{(Reason.Length == 0 ? "" : $" {Reason.TrimEnd('.')}.")} " +
            "What is applied is complete; mend the cause and start again, and the rest is deployed.");

    public sealed record LockLost()
        : Outcome(
            "lockLost", ExitCode.DeployFailed,
            "The migration lock was lost, because its connection broke or this machine stood still, so nothing more was done. " +
            "What is applied is complete; start again, and the rest is deployed.");

    public sealed record DeployUnverified(int Reported, int Planned, string Reason, string Remedy)
        : Outcome(
            "deployUnverified", ExitCode.DeployFailed,
            $"Logto's CLI has run and reported {Reported} of {Planned} alterations as deployed, " +
            $"but the database could not be inspected afterwards: {Reason.TrimEnd('.')}. {Sentence(Remedy)}, and start again.");

    public sealed record SeedFailed(string What, bool IsStillEmpty, string Reason)
        : Outcome(
            "seedFailed", ExitCode.DeployFailed,
            $"{What}, and {(IsStillEmpty ? StillEmpty : NotLookedAt)}.{(Reason.Length == 0 ? "" : $" {Reason.TrimEnd('.')}.")} " +
            "Mend the cause and start again.")
    {
        private const string StillEmpty = "the database is still empty, because a seed is one transaction";

        private const string NotLookedAt =
            "the database could not be looked at afterwards; a seed is one transaction, so it holds all of it or nothing";
    }

    public sealed record AlterationsLeft(AlterationCatalog Catalog, AlterationState State, int Left)
        : Outcome(
            "alterationsLeft", ExitCode.Unstartable,
            $"Logto's CLI reported success and {Left} alterations are still pending (state {State}, Logto {Catalog.TargetVersion} ends " +
            $"at {Catalog.Last.FormattedTimestamp}). Logto would refuse to start. Use an unmodified image of Logto, and look at the " +
            "CLI's output above.");

    public sealed record DamagedByCli(string Database, string Reason)
        : Outcome(
            "damagedByCli", ExitCode.NotLogto,
            $"Logto's CLI has run, and the database '{Database}' is not a whole Logto database now: " +
            $"{Reason}. Look at the CLI's output above, and restore the database from a backup.");
}
