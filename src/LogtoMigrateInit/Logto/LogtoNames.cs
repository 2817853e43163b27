namespace LogtoMigrateInit.Logto;

/// <summary>The names by which a database of Logto's is recognised.</summary>
internal static class LogtoNames
{
    public const string Systems = "systems";

    /// <summary>Where Logto kept its state before 1.0, and what its CLI creates when it misreads a state.</summary>
    public const string LegacyConfigs = "_logto_configs";

    /// <summary>What Logto's roles for a database are called: this, its name (older releases write underscores for hyphens), and a tenant's after an underscore.</summary>
    public const string RolePrefix = "logto_tenant_";

    /// <summary>
    /// Tables that are there since the alteration that creates <c>systems</c>, in every release since and after every rollback: no
    /// alteration, up or down, drops or renames one of them.
    /// </summary>
    public static readonly IReadOnlyList<string> Tables = ["tenants", "users", "applications", "roles", "resources", "logto_configs", "sign_in_experiences"];
}
