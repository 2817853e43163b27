using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// The facts about the two tenants that every installation needs, <c>default</c> and <c>admin</c>. Core reads them at a tenant's first
/// request (<c>packages/core/src/tenants/utils.ts</c>, <c>packages/core/src/libraries/logto-config.ts</c>). It answers 404 or 500 where
/// one is wrong.
/// </summary>
internal sealed record StartFacts
{
    /// <summary>The rows of the table <c>tenants</c> for the two; one that is missing is not in the list.</summary>
    public required IReadOnlyList<TenantFacts> Tenants { get; init; }

    /// <summary>How many other tenants the table has.</summary>
    public required long OtherTenants { get; init; }

    /// <summary>How many of them have no password, or no role that may log in. They do no harm to the two.</summary>
    public required long UnusableOtherTenants { get; init; }

    /// <summary>The key sets of the two tenants; null when the database keeps them in a form older than 1.0.0-rc.1.</summary>
    public required IReadOnlyList<KeySet>? Keys { get; init; }
}

/// <summary>A row of the table <c>tenants</c>, and the role that it names.</summary>
/// <param name="Tenant">Its id, <c>default</c> or <c>admin</c>.</param>
/// <param name="Role">The role that core logs in as; null when the row names none.</param>
/// <param name="RoleProblem">
/// Why core cannot work as the role: a clause without its subject, such as <c>is missing</c>. Null: nothing is known to be wrong.
/// </param>
/// <param name="Setting">The setting of the role that has to be reset; null when no setting is wrong.</param>
/// <param name="ConnectionLimit">The role's limit; -1: none.</param>
/// <param name="StatementMilliseconds">The role's <c>statement_timeout</c>; null when it has none.</param>
internal sealed record TenantFacts(
    string Tenant, string? Role, string? RoleProblem, string? Setting, int ConnectionLimit, double? StatementMilliseconds)
{
    public const string HasNoPassword = "has no password in the table tenants";
    public const string IsAboveRowSecurity = "is not held by row-level security";
}

/// <summary>A set of signing or cookie keys (<c>logto_configs</c>), counted as core counts them.</summary>
/// <param name="Tenant">The tenant's id.</param>
/// <param name="Key"><c>oidc.privateKeys</c> or <c>oidc.cookieKeys</c>.</param>
/// <param name="Count">How many keys there are; null when the value is no array.</param>
/// <param name="Current">
/// How many are Current. Keys without a status count by position: the first is Current, the others are Previous.
/// </param>
/// <param name="Next">How many are Next.</param>
/// <param name="Previous">How many are Previous.</param>
internal sealed record KeySet(string Tenant, string Key, int? Count, int Current, int Next, int Previous)
{
    public const string PrivateKeys = "oidc.privateKeys";
    public const string CookieKeys = "oidc.cookieKeys";

    /// <summary>Core fails at a tenant's first request without either.</summary>
    public static readonly IReadOnlyList<string> Names = [PrivateKeys, CookieKeys];
}

/// <summary>One of Logto's tables that does not protect its rows as core needs it.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Problem">A clause without its subject.</param>
internal sealed record UnprotectedTable(string Table, string Problem);

/// <summary>Why Logto would start and fail.</summary>
/// <param name="What">A clause for the operator.</param>
/// <param name="Remedy">An imperative clause; several faults may have the same.</param>
internal sealed record Fault(string What, string Remedy);
