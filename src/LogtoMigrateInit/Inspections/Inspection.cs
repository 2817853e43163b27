using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Inspections;

/// <summary>The facts that one inspection of the database reads. <see cref="MigrationPlan"/> judges them.</summary>
internal sealed record Inspection
{
    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>
    /// The schema of unqualified new names: the first existing schema of the role's <c>search_path</c>; null when none exists.
    /// </summary>
    public required string? Schema { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c>, such as 150018.</summary>
    public required int ServerVersion { get; init; }

    public required bool InRecovery { get; init; }

    /// <summary>Whether transactions start read-only, on a standby or because of <c>default_transaction_read_only</c>.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>
    /// Whether the connection goes through a pooler. The program recognizes one because the process id from the login differs from that of
    /// the server process that runs the statements.
    /// </summary>
    public required bool BehindPooler { get; init; }

    /// <summary>
    /// The pooler's message when it refuses the parameters that Logto's driver sends at login. Null when it accepts them, when this was not
    /// tried, or without a pooler.
    /// </summary>
    public string? DriverRefusal { get; init; }

    /// <summary>The relations that exist under the names of <see cref="LogtoNames"/>.</summary>
    public required IReadOnlyList<Relation> Relations { get; init; }

    /// <summary>Whether the primary key of <c>systems</c> is the column <c>key</c> alone.</summary>
    public required bool SystemsHasKey { get; init; }

    /// <summary>
    /// The number of tables, views, sequences and types in <see cref="Schema"/> that no extension owns. It is counted only if no relation
    /// is called <c>systems</c>.
    /// </summary>
    public required long ObjectCount { get; init; }

    /// <summary>The first five of these objects, such as <c>table users, view orders</c>.</summary>
    public required string Objects { get; init; }

    /// <summary>
    /// Tables that make core refuse to start (<c>packages/core/src/env-set/preconditions.ts</c>): the tables of <see cref="Schema"/>
    /// without row-level security, except <c>systems</c> and <c>service_logs</c>. In alphabetical order.
    /// </summary>
    public required IReadOnlyList<string> TablesWithoutRowSecurity { get; init; }

    /// <summary>Invalid indexes in <see cref="Schema"/>: PostgreSQL does not use them, because their build was interrupted.</summary>
    public required IReadOnlyList<string> InvalidIndexes { get; init; }

    /// <summary>
    /// The values of the rows <c>alterationState</c>, at most two. A healthy database has one. Empty also without the table or the column.
    /// </summary>
    public required IReadOnlyList<string> States { get; init; }

    /// <summary>The state; null when the database does not have exactly one, or when it is damaged.</summary>
    public AlterationState? State
    {
        get
        {
            try
            {
                return States is [var state] ? AlterationState.Parse(state) : null;
            }
            catch (FormatException)
            {
                return null;
            }
        }
    }

    /// <summary>The facts about the tenants <c>default</c> and <c>admin</c>; null when <c>tenants</c> could not be read.</summary>
    public required StartFacts? Start { get; init; }

    /// <summary>Logto's tables that lack a policy or an enabled trigger, in alphabetical order.</summary>
    public required IReadOnlyList<UnprotectedTable> UnprotectedTables { get; init; }

    /// <summary>
    /// The server's message when the user may not read <c>tenants</c> or <c>logto_configs</c>; null when it may, or without the table or
    /// the column.
    /// </summary>
    public required string? TenantsRefusal { get; init; }
}

/// <summary>A relation that the role's <c>search_path</c> finds under a name.</summary>
/// <param name="Kind">The kind as text, such as <c>view</c>; an ordinary table is <see cref="Table"/>.</param>
/// <param name="Schema">The OID of the schema.</param>
internal sealed record Relation(string Name, string Kind, uint Schema)
{
    public const string Table = "table";
}
