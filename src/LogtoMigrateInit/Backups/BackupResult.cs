namespace LogtoMigrateInit.Backups;

/// <summary>The result of a backup. The cases: <see cref="Made"/>, <see cref="Failed"/>.</summary>
internal abstract record BackupResult
{
    private BackupResult()
    {
    }

    /// <summary>The backup exists and is verified.</summary>
    /// <param name="Path">The path of the dump.</param>
    public sealed record Made(string Path, BackupRecord Record) : BackupResult
    {
        /// <summary>The command that restores this backup.</summary>
        public string Restore => RestoreCommandFor(Path);

        /// <summary>The command that restores the state before the upgrade, perhaps from an earlier backup.</summary>
        public string WayBack { get; init; } = RestoreCommandFor(Path);

        /// <summary>The number of objects that a restore by the same user would leave out.</summary>
        public int LeftOut { get; init; }
    }

    /// <summary>The backup failed. No file of it is left.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record Failed(string Reason) : BackupResult;

    /// <summary>Returns the command for a shell, with quotes around an unusual path.</summary>
    internal static string RestoreCommandFor(string path) => path.All(IsPlain)
        ? $"logto-migrate-init restore {path}"
        : $"logto-migrate-init restore '{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static bool IsPlain(char character) => char.IsAsciiLetterOrDigit(character) || character is '/' or '-' or '_' or '.';
}
