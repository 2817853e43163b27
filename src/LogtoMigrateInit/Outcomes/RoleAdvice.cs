using LogtoMigrateInit.Inspections;

namespace LogtoMigrateInit.Outcomes;

/// <summary>Advice for the operator about Logto's roles that cannot log in or cannot work.</summary>
internal static class RoleAdvice
{
    /// <summary>Returns imperative clauses.</summary>
    /// <param name="failed">Never empty.</param>
    /// <param name="behindPooler">Whether the connection goes through a pooler, which may not know the roles.</param>
    public static string Remedy(IReadOnlyList<FailedLogin> failed, bool behindPooler) => string.Join(
        "; ", failed.Select(login => Remedy(login.Trouble, behindPooler)).Distinct());

    private static string Remedy(LoginTrouble trouble, bool behindPooler) => trouble switch
    {
        _ when behindPooler && trouble is LoginTrouble.Password or LoginTrouble.Other =>
            "make the pooler know these roles and their passwords (PgBouncer: auth_query, or auth_file with the rows of the table " +
            "'tenants'); if it knows them, run `logto-migrate-init repair`, which gives them the passwords of that table",
        LoginTrouble.Password =>
            $"{RepairAdvice.Run}, which gives these roles the passwords of the table 'tenants'; if a second Logto on this server uses " +
            "the same roles, first compare db_user_password in both tables 'tenants'",
        LoginTrouble.Right => $"{RepairAdvice.Run}; let pg_hba.conf admit these roles as it admits the user of DB_URL",
        LoginTrouble.SearchPath or LoginTrouble.TimeOut or LoginTrouble.ReadOnly =>
            $"{RepairAdvice.Run}, which corrects the settings of these roles",
        _ => "let these roles in as the user of DB_URL is let in",
    };
}
