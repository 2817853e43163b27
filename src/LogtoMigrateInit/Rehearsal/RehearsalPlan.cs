using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The job of a rehearsal, decided from the real database before the copy is made.</summary>
internal sealed record RehearsalPlan
{
    /// <summary>The job of Logto's CLI, with the real database as it was inspected under the lock.</summary>
    public required CliJob Job { get; init; }

    /// <summary>The state of the real database.</summary>
    public required AlterationState State { get; init; }

    /// <summary>The release that the job leads to.</summary>
    public required string Version { get; init; }

    /// <summary>Logto's roles for the database that exist; see <see cref="Inspections.Privileges.Roles"/>.</summary>
    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>The path of a backup of this moment; null: there is none.</summary>
    public required string? Backup { get; init; }

    /// <summary>Before a rollback, the path of a backup that was made at the state to which it goes; null: there is none.</summary>
    public required string? Earlier { get; init; }

    /// <summary>Starts the target's Logto on the copy at the end; null: this rehearsal does not.</summary>
    public Func<LogtoDatabase, FolderLock, CancellationToken, Task<ServerStart>>? Start { get; init; }

    /// <summary>Which rows are copied.</summary>
    public required RehearsalMode Mode { get; init; }
}
