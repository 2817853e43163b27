using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record BackedUp(string Path, long Bytes, long Rows, int Tables, bool IsRestored, int LeftOut, string Restore)
        : Outcome(
            "backedUp", ExitCode.Success,
            $"Backed up to {Path}: {Bytes / 1048576.0:0.0} MB, {Counted.Of(Rows, "row")} in {Counted.Of(Tables, "table")}, " +
            $"{(IsRestored ? "verified by a restore, row for row" : "verified by reading the whole file")}. To restore it: `{Restore}`" +
            (LeftOut == 0 ? "." : $", which leaves out {Counted.Of(LeftOut, "object")} (see the warning above)."));

    public sealed record BackupFailed(string Reason, string? NotDone)
        : Outcome("backupFailed", ExitCode.BackupFailed, $"The backup was not " +
            $"made{(NotDone is null ? "" : $", and nothing was {NotDone}")}: {End(Reason)}");

    public sealed record Restored(string Database, string? Former, string Level, string Remark)
        : Outcome(
            "restored", ExitCode.Success,
            $"The database '{Database}' is " +
            "restored" +
            (Former is null
                ? ""
                : $", and the old one is kept as '{Former}'") +
            $".{Remark} {Level}" +
            (Former is null ? "" : $" Later, remove the old one with `drop database {SqlNames.Quote(Former)}`."));

    public sealed record BackupsListed(string Folder, int Count)
        : Outcome(
            "backupsListed", ExitCode.Success,
            Count == 0
                ? $"There is no backup in {Folder}. Next: make one with `logto-migrate-init backup`."
                : $"{Counted.Are(Count, "backup")} in {Folder}, and nothing was restored. Next: name one in " +
                    "`logto-migrate-init restore FILE`.");

    public sealed record RestoredUnusable(string Database, string? Former, string Reason)
        : Outcome(
            "restoredUnusable", ExitCode.RestoreFailed,
            $"The database '{Database}' is restored, but Logto's roles cannot work in it ({Reason.TrimEnd('.')}). Next: repair these " +
            "roles, and run `logto-migrate-init check --deep`" +
            (Former is null ? "." : $"; or go back: stop Logto, rename '{Database}' away and '{Former}' to '{Database}'."));

    public sealed record RestoreRefused(string Reason)
        : Outcome("restoreRefused", ExitCode.RestoreRefused, $"Nothing was restored: {End(Reason)}");

    public sealed record RestoreUnknown(string Database, string Fresh, string? Former, string Reason)
        : Outcome(
            "restoreUnknown", ExitCode.RestoreFailed,
            $"The connection broke during the switch to the restored database ({Reason}), so the program does not know whether it " +
            $"happened. Next: list the databases with `psql -l`. If '{Fresh}' is there, run the same command again. If not, '{Database}' " +
            $"is the restored one{(Former is null ? "" : $", and the old one is '{Former}'")}. No data is lost.");
}
