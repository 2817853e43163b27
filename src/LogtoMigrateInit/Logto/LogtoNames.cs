namespace LogtoMigrateInit.Logto;

/// <summary>The names by which the program recognizes a database of Logto's.</summary>
internal static class LogtoNames
{
    public const string Systems = "systems";

    /// <summary>Where Logto kept its state before 1.0, and what its CLI creates when it misreads a state.</summary>
    public const string LegacyConfigs = "_logto_configs";

    /// <summary>
    /// The beginning of Logto's roles for a database. The database's name follows (older releases write underscores for hyphens), and for a
    /// tenant's role an underscore and the tenant.
    /// </summary>
    public const string RolePrefix = "logto_tenant_";

    /// <summary>
    /// Tables that exist since the alteration that creates <c>systems</c>, in every release and after every rollback: no alteration, up or
    /// down, drops or renames one of them.
    /// </summary>
    public static readonly IReadOnlyList<string> Tables =
        ["tenants", "users", "applications", "roles", "resources", "logto_configs", "sign_in_experiences"];
}
