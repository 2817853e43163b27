using System.Text.RegularExpressions;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Locking;

/// <summary>Finds problems that would stop a deploy or a seed midway. Each problem is a clause with its remedy.</summary>
internal static partial class Preflight
{
    /// <summary>Logto's documented minimum (https://docs.logto.io/logto-oss/get-started-with-oss).</summary>
    public const int OldestPostgreSql = 14;

    /// <summary>Returns the outcome if the CLI must not start.</summary>
    /// <param name="problems">The problems that <see cref="OfDeploy"/> or <see cref="OfSeed"/> found.</param>
    /// <returns>Null when the CLI can run.</returns>
    public static Outcome? WhyImpossible(
        IReadOnlyList<string> problems, Inspection inspection, ProgramSettings settings, LogtoInstallation installation)
    {
        if (inspection.ServerVersion / 10000 < OldestPostgreSql)
        {
            return new Outcome.UnsupportedServer(inspection.ServerVersion, OldestPostgreSql);
        }

        return installation.WhyScriptsFolderIsReadOnly() is { } readOnly ? new Outcome.TargetUnusable(readOnly)
            : problems.Count > 0 ? new Outcome.PreflightFailed(problems)
            : null;
    }

    /// <summary>Returns the problems of a deploy.</summary>
    /// <param name="scripts">The texts of the pending alterations. Only some of them need the parent role.</param>
    public static IReadOnlyList<string> OfDeploy(Inspection inspection, Privileges privileges, IEnumerable<string> scripts)
    {
        var problems = Common(inspection, privileges).ToList();
        if (privileges.TablesOfOthers is { Count: > 0 } tables)
        {
            problems.Add($"user '{inspection.User}' does not own {Counted.Of(tables.Count, "table")} " +
                $"({string.Join(", ", tables.Take(5))}{(tables.Count > 5 ? ", …" : "")}) and cannot alter them; run `reassign owned by " +
                $"OLD_OWNER to {SqlNames.Quote(inspection.User)}` as their owner, or connect as the owner");
        }

        if (scripts.Any(script => TenantRole().IsMatch(script)))
        {
            var role = $"logto_tenant_{inspection.Database.Replace('-', '_')}";
            if (!privileges.Roles.Contains(role) && !privileges.Roles.Contains($"logto_tenant_{inspection.Database}"))
            {
                problems.Add($"the role '{role}' is missing, as after a restore or a clone under another name, and pending alterations " +
                    $"grant rights to it; {RepairAdvice.Run}, which creates it and lets Logto's roles use it");
            }
            else if (privileges.RolesWithoutParent is { Count: > 0 } strangers)
            {
                problems.Add($"pending alterations grant rights to the role '{role}', and roles that Logto logs in as are no members of " +
                    $"it ({string.Join(", ", strangers)}{(strangers.Count == 5 ? ", …" : "")}), so that new tables would be closed to " +
                    $"them; {RepairAdvice.Run}");
            }
        }

        return problems;
    }

    public static IReadOnlyList<string> OfSeed(Inspection inspection, Privileges privileges)
    {
        var problems = Common(inspection, privileges).ToList();
        if (SeedableName(inspection.Database) is { } unusable)
        {
            problems.Add(unusable);
        }

        if (privileges.Roles.Count > 0)
        {
            problems.Add($"roles of an earlier Logto database of this name are left on the server " +
                $"({string.Join(", ", privileges.Roles)}) and the seed would fail to create them; when no other database uses them, run " +
                $"`drop owned by ROLE; drop role ROLE` for each");
        }

        if (inspection.Schema is { } schema and not "public")
        {
            problems.Add($"Logto can only be seeded into the schema 'public', and the search_path of user '{inspection.User}' begins " +
                $"with '{schema}'; run `alter role {SqlNames.Quote(inspection.User)} in database {SqlNames.Quote(inspection.Database)} " +
                $"set search_path = public`");
        }

        if (inspection.TablesWithoutRowSecurity is { Count: > 0 } open)
        {
            problems.Add($"Logto would refuse to start because tables in the schema have no row-level security " +
                $"({string.Join(", ", open.Take(5))}{(open.Count > 5 ? ", …" : "")}), which belong to an extension; give the extension " +
                $"a schema of its own");
        }

        if (!privileges.MayCreateRoles)
        {
            problems.Add($"user '{inspection.User}' may not create roles, which a seed does; run `alter role " +
                $"{SqlNames.Quote(inspection.User)} createrole` as a superuser");
        }

        return problems;
    }

    /// <summary>
    /// Checks the name of a database for a seed. Reason: Logto's seed puts the name unquoted into the name of a role
    /// (<c>packages/schemas/tables/_before_all.sql</c>).
    /// </summary>
    /// <returns>Null when Logto can be seeded into a database of this name; otherwise a problem.</returns>
    public static string? SeedableName(string database) => PlainName().IsMatch(database)
        ? null
        : $"Logto cannot be seeded into a database called '{database}', because it uses the name unquoted; choose one of lower-case " +
            $"letters, digits, '_' and '-'";

    private static IEnumerable<string> Common(Inspection inspection, Privileges privileges)
    {
        if (!privileges.MayCreateInSchema)
        {
            yield return inspection.Schema is { } schema
                ? $"user '{inspection.User}' may not create tables in the schema '{schema}'; run `grant create on schema " +
                    $"{SqlNames.Quote(schema)} to {SqlNames.Quote(inspection.User)}` as its owner"
                : $"no schema of the search_path of user '{inspection.User}' exists; run `create schema` for it, or reset the role's " +
                    $"search_path";
        }
    }

    // Matches the parent role's name, and the alterations' helper functions that grant rights to it.
    [GeneratedRegex("applyTableRls|dropTableRls|logto_tenant_", RegexOptions.CultureInvariant)]
    private static partial Regex TenantRole();

    [GeneratedRegex(@"^[a-z0-9_\u0080-\uFFFF-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainName();
}
