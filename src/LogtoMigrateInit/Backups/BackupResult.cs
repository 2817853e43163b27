namespace LogtoMigrateInit.Backups;

/// <summary>The result of a backup. The cases: <see cref="Made"/>, <see cref="Failed"/>.</summary>
internal abstract record BackupResult
{
    private BackupResult()
    {
    }

    /// <summary>The backup exists and is verified.</summary>
    /// <param name="Path">The dump; the record is beside it.</param>
    public sealed record Made(string Path, BackupRecord Record) : BackupResult
    {
        /// <summary>The command that restores it.</summary>
        public string Restore => RestoreCommandFor(Path);

        /// <summary>The command that restores the state before the upgrade, which an earlier backup may hold.</summary>
        public string WayBack { get; init; } = RestoreCommandFor(Path);

        /// <summary>How many objects a restore by the same user would leave out.</summary>
        public int LeftOut { get; init; }
    }

    /// <summary>There is none, and nothing is left of it.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Failed(string Reason) : BackupResult;

    /// <summary>The command as it is typed, with quotes around a path that needs them.</summary>
    internal static string RestoreCommandFor(string path) => path.All(IsPlain)
        ? $"logto-migrate-init restore {path}"
        : $"logto-migrate-init restore '{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static bool IsPlain(char character) => char.IsAsciiLetterOrDigit(character) || character is '/' or '-' or '_' or '.';
}
