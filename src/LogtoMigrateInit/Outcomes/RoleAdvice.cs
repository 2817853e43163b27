using LogtoMigrateInit.Inspections;

namespace LogtoMigrateInit.Outcomes;

/// <summary>What is wrong with the roles that Logto logs in as, and the SQL that mends it.</summary>
internal static class RoleAdvice
{
    /// <summary>Where to run the SQL; a backquote ends it.</summary>
    public const string HowToRun = "In psql, connected to this database as the owner of Logto's tables or as a superuser, run";

    /// <summary>Sentences; the first goes on after a colon.</summary>
    public static string Describe(TenantRoles roles) => roles.Count == 0
        ? "its table 'tenants' names no role that it could log in as. Restore that table from a backup."
        : $"{roles.UnusableCount} of the {roles.Count} roles that it logs in as cannot be used: " +
            $"{string.Join(", ", roles.Unusable.Select(role => $"'{role.Name}' {role.Problem}"))}{(roles.UnusableCount > roles.Unusable.Count ? ", …" : "")}. {HowToRun} `{TenantRolesSql.MakeRoles}`, and start again.";

    public static string Remedy(IReadOnlyList<FailedLogin> failed) =>
        failed.Where(login => login.IsPassword).Select(login => login.Role).ToArray() is { Length: > 0 } roles
            ? $"If no other database's Logto uses these roles, give them the passwords that are in the table 'tenants'. {HowToRun} " +
                $"`{TenantRolesSql.SetPasswords(roles)}`, and start again."
        : failed.Any(login => login.IsRight)
            ? $"{HowToRun} `{TenantRolesSql.MakeRoles}`; let pg_hba.conf admit these roles as it admits the user of DB_URL; and start " +
                $"again."
        : "Let these roles in as the user of DB_URL is let in, and start again.";
}
