using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record LockTimedOut(TimeSpan Waited, string Holder, int? Pid)
        : Outcome(
            "lockTimedOut", ExitCode.LockTimedOut,
            $"Another session is still active in this database after {Waited.TotalSeconds:0} s: {Holder}. Next: " +
            (Pid is null ? "" : $"if it is stuck, run `select pg_terminate_backend({Pid})`; then ") +
            "start again. LOGTO_INIT_LOCK_TIMEOUT_SECONDS sets how long to wait.");

    public sealed record FolderBusy(string Folder, TimeSpan Waited)
        : Outcome(
            "folderBusy", ExitCode.LockTimedOut,
            $"The program waited {Waited.TotalSeconds:0} s for another process that runs Logto's CLI in {Folder}. Two would destroy " +
            "each other's scripts. Next: if that process is stuck, end it, then start again. Or do not share this folder.");

    public sealed record PreflightFailed(IReadOnlyList<string> Problems)
        : Outcome("preflightFailed", ExitCode.PreflightFailed, "Logto's CLI would fail midway, so the program does not start it: " +
            $"{string.Join("; ", Problems)}.");

    /// <param name="Alteration">
    /// The first alteration that is not applied. Null: the database did not answer, and <paramref name="Applied"/> is the CLI's count.
    /// </param>
    public sealed record DeployFailed(string What, int Applied, int Planned, string? Alteration, string Reason)
        : Outcome(
            "deployFailed", ExitCode.DeployFailed,
            $"{Of(What, Reason)} " +
            (Alteration is null
                ? $"The CLI reported {Applied} of {Counted.Of(Planned, "alteration")} as applied, but then the database did not answer. "
                : $"{Applied} of {Counted.Are(Planned, "alteration")} applied, {Alteration} is not. ") +
            "Next: correct what the message names, and start again. " +
            "What was applied is complete, and only the rest will be deployed.")
    {
        /// <summary>A sentence: how the CLI ended, and the cause that it reported.</summary>
        public static string Of(string what, string reason) => End(reason.Length == 0 ? what : $"{what}: {reason}");
    }

    public sealed record LockLost()
        : Outcome(
            "lockLost", ExitCode.DeployFailed,
            "The migration lock was lost, because its connection broke or this machine was suspended, so the program stopped. " +
            "Next: start again. What was applied is complete, and only the rest will be deployed.");

    public sealed record DeployUnverified(int Reported, int Planned, string Reason, string Remedy)
        : Outcome(
            "deployUnverified", ExitCode.DeployFailed,
            "Logto's CLI has run" +
            (Planned == 0 ? " a seed" : $" and reported {Reported} of {Counted.Of(Planned, "alteration")} as deployed") +
            $", but the database could not be inspected afterwards: {Reason.TrimEnd('.')}. Next: {Remedy}, and start again.");

    public sealed record SeedFailed(string What, bool IsStillEmpty, string Reason)
        : Outcome(
            "seedFailed", ExitCode.DeployFailed,
            $"{DeployFailed.Of(What, Reason)} " +
            (IsStillEmpty
                ? "The database is still empty. "
                : "The database did not answer afterwards. A seed is one transaction, so the database has all of it or nothing. ") +
            "Next: correct what the message names, and start again.");

    public sealed record AlterationsLeft(AlterationCatalog Catalog, AlterationState State, int Left)
        : Outcome(
            "alterationsLeft", ExitCode.Unstartable,
            $"Logto's CLI has run, and {Counted.Are(Left, "alteration")} still pending (state {State}, Logto {Catalog.TargetVersion} " +
            $"ends at {Catalog.Last.FormattedTimestamp}). Logto would refuse to start. Next: use Logto's original " +
            "image. If it is that, read the CLI's output above.");

    public sealed record DamagedByCli(string Database, string Reason)
        : Outcome(
            "damagedByCli", ExitCode.NotLogto,
            $"Logto's CLI has run, and the database '{Database}' is now no complete Logto database: " +
            $"{Reason}. Next: check that DB_URL names Logto's database. If it does, restore it from a backup.");
}
