using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Repair;

/// <summary>Finds faults of Logto's roles, and the SQL that repairs them.</summary>
internal static class RoleFindings
{
    /// <summary>The first PostgreSQL in which each membership has its own option to inherit.</summary>
    private const int InheritingMemberships = 160000;

    /// <summary>Returns the faults of the roles' existence, rights and attributes.</summary>
    /// <param name="withTables">Whether to include rights on tables. The comparison of the schema covers them otherwise.</param>
    public static IEnumerable<Finding> Of(RoleFacts facts, Inspection inspection, bool withTables)
    {
        var (parent, database) = (SqlNames.Quote(facts.Parent), SqlNames.Quote(inspection.Database));
        if (!facts.ParentExists)
        {
            yield return new Finding(
                $"the role '{facts.Parent}' is missing, which holds the rights on Logto's tables", RepairBy.Command,
                $"create role {parent} noinherit");
        }

        if (!facts.ParentMayConnect && facts.Logins.Any(login => !login.MayConnect))
        {
            yield return new Finding(
                "roles that Logto logs in as may not connect to this database", RepairBy.Command,
                $"grant connect on database {database} to {parent}");
        }

        if (!facts.ParentMayUseSchema && facts.Logins.Any(login => !login.MayUseSchema))
        {
            yield return new Finding(
                "roles that Logto logs in as may not use the schema of Logto's tables", RepairBy.Command,
                $"grant usage on schema {facts.Schema} to {parent}");
        }

        foreach (var finding in withTables ? OfTables(facts, parent) : [])
        {
            yield return finding;
        }

        foreach (var login in facts.Logins)
        {
            foreach (var finding in login.Exists ? OfRole(login, facts.Parent, inspection.ServerVersion) : [Missing(login, parent)])
            {
                yield return finding;
            }
        }
    }

    /// <summary>Returns the settings of the roles of <c>default</c> and <c>admin</c> with which Logto fails.</summary>
    public static IEnumerable<Finding> OfSettings(Inspection inspection) =>
        from tenant in inspection.Start?.Tenants ?? []
        where tenant is { Role: not null, Setting: not null }
        let setting = tenant.Setting
        select new Finding(
            $"the role '{tenant.Role}' has a setting with which Logto fails: {setting}", RepairBy.Command,
            TenantRolesSql.Correct(tenant.Role!, inspection.Database, setting!));

    /// <summary>Returns the finding for a role as which core cannot work.</summary>
    public static Finding OfLogin(FailedLogin failed, Inspection inspection)
    {
        var what = $"Logto cannot work as the role '{failed.Role}': {failed.Reason}";
        return failed.Trouble switch
        {
            LoginTrouble.Password => new Finding(what, RepairBy.Command, null)
            {
                PasswordOf = failed.Role,
                Why = inspection.BehindPooler
                    ? "the pooler has to know this password too (PgBouncer: auth_query, or auth_file with the rows of 'tenants')"
                    : "if Logto in another database uses this role, give it the same password in its table 'tenants'",
            },
            LoginTrouble.SearchPath => new Finding(
                what, RepairBy.Command,
                TenantRolesSql.Set(failed.Role, inspection.Database, "search_path", failed.Schema ?? "public")),
            LoginTrouble.TimeOut => new Finding(
                what, RepairBy.Command, TenantRolesSql.Set(failed.Role, inspection.Database, "statement_timeout", "0")),
            LoginTrouble.ReadOnly => new Finding(
                what, RepairBy.Command, TenantRolesSql.Correct(failed.Role, inspection.Database, "default_transaction_read_only")),
            LoginTrouble.Right => new Finding(what, RepairBy.Operator, null)
            {
                Why = "the other findings may be the cause; else let pg_hba.conf admit this role as it admits the user of DB_URL",
            },
            _ => new Finding(what, RepairBy.Operator, null)
            {
                Why = inspection.BehindPooler
                    ? "make the pooler know this role and its password (PgBouncer: auth_query, or auth_file with the rows of 'tenants')"
                    : "let this role in as the user of DB_URL is let in",
            },
        };
    }

    private static Finding Missing(LoginRole login, string parent) => new(
        $"the role '{login.Name}' is missing", RepairBy.Command,
        $"create role {SqlNames.Quote(login.Name)} inherit login in role {parent}")
    {
        PasswordOf = login.HasPassword ? login.Name : null,
    };

    private static IEnumerable<Finding> OfTables(RoleFacts facts, string parent)
    {
        if (facts.ClosedTables is { } tables)
        {
            yield return new Finding(
                $"the role '{facts.Parent}' may not read and write all of Logto's tables", RepairBy.Command,
                $"grant select, insert, update, delete on table {tables} to {parent}");
        }

        if (facts.ClosedColumns is { } columns)
        {
            yield return new Finding(
                $"the role '{facts.Parent}' may not read the columns of 'tenants' that Logto reads", RepairBy.Command,
                $"grant select ({columns}) on table tenants to {parent}");
        }
    }

    private static IEnumerable<Finding> OfRole(LoginRole login, string parentName, int serverVersion)
    {
        var (role, parent) = (SqlNames.Quote(login.Name), SqlNames.Quote(parentName));
        var inheritsByItself = serverVersion < InheritingMemberships && !login.HasParentsRights && !login.Inherits;
        string[] attributes =
        [
            .. login.MayLogIn ? [] : new[] { "login" },
            .. login.ConnectionLimit != 0 ? [] : new[] { "connection limit -1" },
            .. !login.IsExpired ? [] : new[] { "valid until 'infinity'" },
            .. !inheritsByItself ? [] : new[] { "inherit" },
        ];
        if (attributes.Length > 0)
        {
            var what = !login.MayLogIn || login.ConnectionLimit == 0 ? "may not log in"
                : login.IsExpired ? "has a password that is no longer valid"
                : $"does not inherit the rights of '{parentName}'";
            yield return new Finding(
                $"the role '{login.Name}' {what}", RepairBy.Command, $"alter role {role} {string.Join(' ', attributes)}");
        }

        if (!login.HasParentsRights && (!login.IsMember || serverVersion >= InheritingMemberships))
        {
            yield return new Finding(
                $"the role '{login.Name}' does not have the rights of '{parentName}'", RepairBy.Command,
                $"grant {parent} to {role}{(serverVersion >= InheritingMemberships ? " with inherit true" : "")}");
        }
    }
}
