using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Inspections;

/// <summary>
/// The facts about the tenants <c>default</c> and <c>admin</c>, which Logto needs. Core reads them at a tenant's first request
/// (<c>packages/core/src/tenants/utils.ts</c>, <c>packages/core/src/libraries/logto-config.ts</c>). It answers 404 or 500 if one is wrong.
/// </summary>
internal sealed record StartFacts
{
    /// <summary>The rows of the table <c>tenants</c> for the two; the list lacks a missing one.</summary>
    public required IReadOnlyList<TenantFacts> Tenants { get; init; }

    /// <summary>The number of other tenants.</summary>
    public required long OtherTenants { get; init; }

    /// <summary>The number of other tenants without a password, or without a role that may log in. They do not disturb the two.</summary>
    public required long UnusableOtherTenants { get; init; }

    /// <summary>The key sets of the two tenants; null when the database stores keys in a form older than 1.0.0-rc.1.</summary>
    public required IReadOnlyList<KeySet>? Keys { get; init; }
}

/// <summary>A row of the table <c>tenants</c>, and the role that it names.</summary>
/// <param name="Tenant">Its id, <c>default</c> or <c>admin</c>.</param>
/// <param name="Role">The role that core logs in as; null when the row names none.</param>
/// <param name="RoleProblem">
/// Why core cannot work as the role: a clause without its subject, such as <c>is missing</c>. Null: no fault is known.
/// </param>
/// <param name="Setting">The name of a setting of the role with which Logto fails; null when there is none.</param>
/// <param name="ConnectionLimit">The role's connection limit; -1: none.</param>
/// <param name="StatementMilliseconds">The role's <c>statement_timeout</c>; null when none is set.</param>
internal sealed record TenantFacts(
    string Tenant, string? Role, string? RoleProblem, string? Setting, int ConnectionLimit, double? StatementMilliseconds)
{
    public const string HasNoPassword = "has no password in the table tenants";
    public const string IsAboveRowSecurity = "is not held by row-level security";
}

/// <summary>A set of signing or cookie keys (<c>logto_configs</c>), counted as in core.</summary>
/// <param name="Tenant">The tenant's id.</param>
/// <param name="Key"><c>oidc.privateKeys</c> or <c>oidc.cookieKeys</c>.</param>
/// <param name="Count">The number of keys; null when the value is no array.</param>
/// <param name="Current">
/// The number of Current keys. A key without a status counts as Current in the first position, and as Previous in all others.
/// </param>
/// <param name="Next">The number of Next keys.</param>
/// <param name="Previous">The number of Previous keys.</param>
internal sealed record KeySet(string Tenant, string Key, int? Count, int Current, int Next, int Previous)
{
    public const string PrivateKeys = "oidc.privateKeys";
    public const string CookieKeys = "oidc.cookieKeys";

    /// <summary>The key sets that core needs: without one, it fails at the tenant's first request.</summary>
    public static readonly IReadOnlyList<string> Names = [PrivateKeys, CookieKeys];
}

/// <summary>A table of Logto that lacks a policy or a trigger that core needs.</summary>
/// <param name="Problem">A clause without its subject.</param>
internal sealed record UnprotectedTable(string Table, string Problem);

/// <summary>A fault with which Logto would start and then fail.</summary>
/// <param name="What">A clause for the operator.</param>
/// <param name="Remedy">An imperative clause; several faults may have the same.</param>
internal sealed record Fault(string What, string Remedy);
