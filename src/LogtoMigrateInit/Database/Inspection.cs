namespace LogtoMigrateInit.Database;

/// <summary>Everything that one look at the database shows; plain facts, no judgement.</summary>
internal sealed record Inspection
{
    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>The schema that unqualified names go to, the first existing one of the role's <c>search_path</c>; null when there is none.</summary>
    public required string? Schema { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c>, such as 150018.</summary>
    public required int ServerVersion { get; init; }

    public required bool InRecovery { get; init; }

    /// <summary>The server starts our transactions read-only: a standby, or <c>default_transaction_read_only</c>.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>A connection pooler answers for the server: the process it named at login is not the one that runs our statements.</summary>
    public required bool BehindPooler { get; init; }

    public required bool HasSystems { get; init; }

    /// <summary>Where Logto kept its state before 1.0, and what its CLI creates when it misreads a state.</summary>
    public required bool HasLegacyConfigs { get; init; }

    public required bool HasUsers { get; init; }

    public required bool HasApplications { get; init; }

    public required bool HasLogtoConfigs { get; init; }

    /// <summary>Tables in <see cref="Schema"/>.</summary>
    public required long TableCount { get; init; }

    /// <summary>
    /// Tables that make core refuse to start (<c>packages/core/src/env-set/preconditions.ts</c>): all of <see cref="Schema"/>
    /// without row-level security, <c>systems</c> and <c>service_logs</c> excepted. In alphabetical order.
    /// </summary>
    public required IReadOnlyList<string> TablesWithoutRowSecurity { get; init; }

    /// <summary>Indexes that PostgreSQL does not use because their build was cut short, in <see cref="Schema"/>.</summary>
    public required IReadOnlyList<string> InvalidIndexes { get; init; }

    /// <summary>The text of the state's row; null when there is no such row, no such table, or no such column.</summary>
    public required string? StateJson { get; init; }
}
