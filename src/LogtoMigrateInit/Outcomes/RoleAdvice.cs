using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Outcomes;

/// <summary>What an operator can do about roles of Logto's that could not log in or work.</summary>
internal static class RoleAdvice
{
    /// <param name="failed">Never empty.</param>
    /// <param name="behindPooler">A pooler answers, which may not know the roles.</param>
    public static string Remedy(IReadOnlyList<FailedLogin> failed, bool behindPooler) => string.Join(
        " ",
        failed.GroupBy(login => login.Trouble).Select(logins => Remedy(logins.Key, [.. logins], behindPooler)));

    private static string Remedy(LoginTrouble trouble, IReadOnlyList<FailedLogin> failed, bool behindPooler) => trouble switch
    {
        _ when behindPooler && trouble is LoginTrouble.Password or LoginTrouble.Other =>
            "Make the pooler know these roles and their passwords (PgBouncer: auth_query, or auth_file with the rows of the table " +
            "'tenants').",
        LoginTrouble.Password =>
            "If no other database's Logto uses these roles, give them the passwords that are in the table 'tenants'. " +
            $"{TenantRolesSql.HowToRun} `{TenantRolesSql.SetPasswords(failed.Select(login => login.Role))}`, and start again.",
        LoginTrouble.Right =>
            $"{TenantRolesSql.HowToRun} `{TenantRolesSql.MakeRoles}`; let pg_hba.conf admit these roles as it admits the user of " +
            $"DB_URL; and start again.",
        LoginTrouble.SearchPath when failed[0].Schema is { } schema and not "public" =>
            $"Run {Each(failed, role => $"alter role {SqlNames.Quote(role)} set search_path = {schema}")}, and start again.",
        LoginTrouble.SearchPath => Reset(failed, "search_path"),
        LoginTrouble.TimeOut => Reset(failed, "statement_timeout"),
        LoginTrouble.ReadOnly => Reset(failed, "default_transaction_read_only"),
        _ => "Let these roles in as the user of DB_URL is let in, and start again.",
    };

    private static string Reset(IReadOnlyList<FailedLogin> failed, string setting) =>
        $"Run {Each(failed, role => TenantRolesSql.Reset(role, setting))}, and start again.";

    private static string Each(IReadOnlyList<FailedLogin> failed, Func<string, string> statement) =>
        string.Join(", ", failed.Select(login => $"`{statement(login.Role)}`"));
}
