using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record RolledBack(string Version, AlterationState State, int Count, IReadOnlyList<Alteration> Unchanging)
        : Outcome(
            "rolledBack", ExitCode.Success,
            $"The database is back at Logto {Version} (state {State}, {Count} {(Count == 1 ? "alteration" : "alterations")} reverted" +
            (Unchanging.Count == 0
                ? ""
                : $", {Unchanging.Count} of which changed nothing although Logto reports success: " +
                    Some([.. Unchanging.Select(alteration => alteration.FileName)])) +
            $"). Start Logto {Version} with LOGTO_INIT_AHEAD={State}, which allows this state and older ones.");

    public sealed record AtLevel(string Version, AlterationState State, Alteration Level)
        : Outcome(
            "atLevel", ExitCode.Success,
            $"The database is at Logto {Version} already (state {State}, that release ends at {Level.FormattedTimestamp}), and nothing " +
            $"was rolled back. " +
            $"Start Logto {Version}{(State.Timestamp > Level.Timestamp ? $" with LOGTO_INIT_AHEAD={State}" : "")}; the schema was not " +
            $"looked at, which `check --drift` in that image does.");

    public sealed record RollbackRefused(string Reason)
        : Outcome("rollbackRefused", ExitCode.RestoreRefused, $"Nothing was rolled back and nothing was changed: {Reason.TrimEnd('.')}.");

    public sealed record RollbackWouldFail(string Version, string? Alteration, string Reason, (string Restore, DateTime TakenAt)? Earlier)
        : Outcome(
            "rollbackWouldFail", ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} fails on a copy of the database{(Alteration is null ? "" : $", at {Alteration}")}: " +
            $"{Reason.TrimEnd('.')}. " +
            "The real database is as it was, and nothing was rolled back. Mend the cause there and start again" +
            (Earlier is { } backup
                ? $"; or restore the backup of {backup.TakenAt:yyyy-MM-dd HH:mm} UTC with `{backup.Restore}`, which loses everything since"
                : "") + ".");

    public sealed record RollbackNotRehearsed(string Version, string Reason)
        : Outcome(
            "rollbackNotRehearsed", ExitCode.RehearsalFailed,
            $"The rollback to Logto {Version} could not be rehearsed, and nothing was rolled back: {Reason.TrimEnd('.')}.");

    public sealed record RollbackFailed(string Version, int? Reverted, int Planned, string? Alteration, string Reason)
        : Outcome(
            "rollbackFailed", ExitCode.RestoreFailed,
            $"The rollback to Logto {Version} did not end as on the copy: {Reason.TrimEnd('.')}. " +
            (Reverted is null
                ? $"How many of {Planned} alterations are reverted could not be seen"
                : $"{Reverted} of {Planned} alterations are reverted") +
            $"{(Alteration is null ? "" : $", and {Alteration} is the next")}. " +
            (Reverted == Planned
                ? $"The state is that of Logto {Version}; mend what differs, and see with `check --drift` in its image that nothing does."
                : $"All data is in the database. Mend the cause and run `logto-migrate-init rollback {Version}` again, which carries " +
                    $"on; until then do not start the newer Logto or its init container, for indexes may be gone."));
}
