using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The job of a rehearsal, decided from the real database before the copy is created.</summary>
internal sealed record RehearsalPlan
{
    /// <summary>The job of Logto's CLI, with the real database as it was inspected under the lock.</summary>
    public required CliJob Job { get; init; }

    /// <summary>The state of the real database.</summary>
    public required AlterationState State { get; init; }

    /// <summary>The release after the job.</summary>
    public required string Version { get; init; }

    /// <summary>Logto's existing roles of the database (<see cref="Inspections.Privileges.Roles"/>).</summary>
    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>The path of a backup of the present state; null: none.</summary>
    public required string? Backup { get; init; }

    /// <summary>For a rollback, the path of a backup of the older release; null: none.</summary>
    public required string? Earlier { get; init; }

    /// <summary>Starts the target's Logto on the copy at the end; null: no start.</summary>
    public Func<LogtoDatabase, FolderLock, CancellationToken, Task<ServerStart>>? Start { get; init; }

    /// <summary>The rows that are copied.</summary>
    public required RehearsalMode Mode { get; init; }
}
