using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record RolledBack(string Version, AlterationState State, int Count, IReadOnlyList<Alteration> Unchanging)
        : Outcome(
            "rolledBack", ExitCode.Success,
            $"The database is back at Logto {Version} (state {State}, {Counted.Of(Count, "alteration")} reverted" +
            (Unchanging.Count == 0
                ? ""
                : $", {Unchanging.Count} without effect although Logto reports success: " +
                    FirstOf([.. Unchanging.Select(alteration => alteration.FileName)])) +
            $"). Next: start Logto {Version} with LOGTO_INIT_AHEAD={State}. It allows this state and older ones.");

    public sealed record AtLevel(string Version, AlterationState State, Alteration Level)
        : Outcome(
            "atLevel", ExitCode.Success,
            $"The database is at Logto {Version} already (state {State}, that release ends at {Level.FormattedTimestamp}), so nothing " +
            $"was rolled back. Only the state was compared. " +
            $"Next: start Logto {Version}{(State.Timestamp > Level.Timestamp ? $" with LOGTO_INIT_AHEAD={State}" : "")}. " +
            "`check --drift` in that image compares the schema.");

    public sealed record RollbackRefused(string Reason)
        : Outcome("rollbackRefused", ExitCode.RestoreRefused, $"Nothing was rolled back: {End(Reason)}");

    public sealed record RollbackWouldFail(string Version, string? Alteration, string Reason, (string Restore, DateTime TakenAt)? Earlier)
        : Outcome(
            "rollbackWouldFail", ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} fails on a copy of the database{(Alteration is null ? "" : $", at {Alteration}")}: " +
            $"{End(Reason)} Nothing was rolled back. Next: correct what the message names, and start again." +
            (Earlier is { } backup
                ? $" Or restore the backup of {backup.TakenAt:yyyy-MM-dd HH:mm} UTC with `{backup.Restore}`, which loses everything since."
                : ""));

    public sealed record RollbackNotRehearsed(string Version, string Reason)
        : Outcome(
            "rollbackNotRehearsed", ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} was not rehearsed, and nothing was rolled back: {End(Reason)}");

    public sealed record RollbackFailed(string Version, int? Reverted, int Planned, string? Alteration, string Reason)
        : Outcome(
            "rollbackFailed", ExitCode.RestoreFailed,
            $"The rollback to Logto {Version} did not end as on the copy: {End(Reason)} " +
            (Reverted is null
                ? $"The program does not know how many of {Counted.Are(Planned, "alteration")} reverted"
                : $"{Reverted} of {Counted.Are(Planned, "alteration")} reverted") +
            $"{(Alteration is null ? "" : $", {Alteration} is not")}. " +
            (Reverted == Planned
                ? $"The state is that of Logto {Version}. Next: fix what differs; `check --drift` in that image shows it."
                : $"Next: run `logto-migrate-init rollback {Version}` again, which continues. If it stops there " +
                    "again, correct what it names. " +
                    "Until then do not start the newer Logto or its init container, because indexes may be missing."));
}
