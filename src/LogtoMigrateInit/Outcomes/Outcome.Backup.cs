using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record BackedUp(string Path, long Bytes, long Rows, int Tables, bool IsRestored, int LeftOut, string Restore)
        : Outcome(
            "backedUp", ExitCode.Success,
            $"Backed up to {Path}: {Bytes / 1048576.0:0.0} MB, {Rows} rows in {Tables} tables, " +
            $"{(IsRestored ? "restored and the same row for row" : "read again and whole")}. To have it back: `{Restore}`" +
            (LeftOut == 0 ? "." : $", which leaves out {Counted.Of(LeftOut, "object")} (see the warning above)."));

    public sealed record BackupFailed(string Reason, string? NotDone)
        : Outcome("backupFailed", ExitCode.BackupFailed, $"The backup was not " +
            $"made{(NotDone is null ? "" : $", and nothing was {NotDone}")}: {Reason}.");

    public sealed record Restored(string Database, string? Former, string Level, string Remark)
        : Outcome(
            "restored", ExitCode.Success,
            $"The database '{Database}' is " +
            "restored" +
            (Former is null
                ? ""
                : $", and what it was before is kept as '{Former}' (`drop database {SqlNames.Quote(Former)}` when nobody needs it)") +
            $". {Level}{Remark}");

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
            $"The database '{Database}' is restored, but Logto's roles cannot work in it ({Reason.TrimEnd('.')}). Next: mend these " +
            "roles, and run `logto-migrate-init check --deep`" +
            (Former is null ? "." : $"; or go back: stop Logto, rename '{Database}' away and '{Former}' to '{Database}'."));

    public sealed record RestoreRefused(string Reason)
        : Outcome("restoreRefused", ExitCode.RestoreRefused, $"Nothing was restored and nothing was changed: {Reason}.");

    public sealed record RestoreUnknown(string Database, string Fresh, string? Former, string Reason)
        : Outcome(
            "restoreUnknown", ExitCode.RestoreFailed,
            $"The connection broke while the server put the restored database in its place ({Reason}). Nothing is lost: if there is " +
            $"a database '{Fresh}', the old one is still '{Database}', and the same command does it again; if not, '{Database}' is the " +
            $"restored one" +
            $"{(Former is null ? "" : $", and the old one is '{Former}'")}.");
}
