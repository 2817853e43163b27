namespace LogtoMigrateInit.Logto;

/// <summary>The names by which the program recognizes Logto's database and roles.</summary>
internal static class LogtoNames
{
    public const string Systems = "systems";

    /// <summary>The table that held the state before Logto 1.0. The CLI creates it again when it misreads a state.</summary>
    public const string LegacyConfigs = "_logto_configs";

    /// <summary>
    /// The prefix of Logto's roles. The name of the database follows (older releases replace hyphens by underscores). In a tenant's role,
    /// an underscore and the tenant follow.
    /// </summary>
    public const string RolePrefix = "logto_tenant_";

    /// <summary>
    /// Tables that every Logto database with <c>systems</c> has, in every release and after every rollback. No alteration drops or renames
    /// one, up or down.
    /// </summary>
    public static readonly IReadOnlyList<string> Tables =
        ["tenants", "users", "applications", "roles", "resources", "logto_configs", "sign_in_experiences"];
}
