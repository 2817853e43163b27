using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Inspections;

/// <summary>Everything that one look at the database shows; plain facts, no judgement.</summary>
internal sealed record Inspection
{
    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>
    /// The schema that unqualified names go to, the first existing one of the role's <c>search_path</c>; null when there is none.
    /// </summary>
    public required string? Schema { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c>, such as 150018.</summary>
    public required int ServerVersion { get; init; }

    public required bool InRecovery { get; init; }

    /// <summary>The server starts our transactions read-only: a standby, or <c>default_transaction_read_only</c>.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>
    /// A connection pooler answers for the server: the process it named at login is not the one that runs our statements.
    /// </summary>
    public required bool BehindPooler { get; init; }

    /// <summary>
    /// The pooler's words when it refuses the parameters that Logto's driver sends at login. Null when it takes them, when it was not
    /// asked, or when no pooler answers.
    /// </summary>
    public string? DriverRefusal { get; init; }

    /// <summary>What the names of <see cref="LogtoNames"/> mean here, where they mean anything.</summary>
    public required IReadOnlyList<Relation> Relations { get; init; }

    /// <summary>The relation <c>systems</c> has its primary key on its column <c>key</c> alone.</summary>
    public required bool SystemsHasKey { get; init; }

    /// <summary>
    /// Tables, views, sequences and types in <see cref="Schema"/> that no extension owns; counted only where nothing is called
    /// <c>systems</c>.
    /// </summary>
    public required long ObjectCount { get; init; }

    /// <summary>The first five of them, such as <c>view orders, table users</c>.</summary>
    public required string Objects { get; init; }

    /// <summary>
    /// Tables that make core refuse to start (<c>packages/core/src/env-set/preconditions.ts</c>): all of <see cref="Schema"/>
    /// without row-level security, <c>systems</c> and <c>service_logs</c> excepted. In alphabetical order.
    /// </summary>
    public required IReadOnlyList<string> TablesWithoutRowSecurity { get; init; }

    /// <summary>Indexes that PostgreSQL does not use because their build was cut short, in <see cref="Schema"/>.</summary>
    public required IReadOnlyList<string> InvalidIndexes { get; init; }

    /// <summary>
    /// The values of the rows <c>alterationState</c>, of which there should be one; none when there is no such table or column.
    /// </summary>
    public required IReadOnlyList<string> States { get; init; }

    /// <summary>Its level; null when there is none, or none that can be read.</summary>
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

    /// <summary>Those of Logto's tables that lack a policy or an enabled trigger, in alphabetical order.</summary>
    public required IReadOnlyList<UnprotectedTable> UnprotectedTables { get; init; }

    /// <summary>
    /// Why we may not read <c>tenants</c> or <c>logto_configs</c>; null when we may, or when there is no such table or column.
    /// </summary>
    public required string? TenantsRefusal { get; init; }
}

/// <summary>What a name means through the role's <c>search_path</c>.</summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">In words, such as <c>view</c>; an ordinary table is <see cref="Table"/>.</param>
/// <param name="Schema">The OID of its schema.</param>
internal sealed record Relation(string Name, string Kind, uint Schema)
{
    public const string Table = "table";
}
