using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Scratch;

namespace LogtoMigrateInit.Backups;

/// <summary>The facts of one restore, collected before it changes anything.</summary>
internal sealed record RestoreJob
{
    private string? _parent;

    public required Archive Archive { get; init; }

    public required ArchiveContents Contents { get; init; }

    /// <summary>The record of the archive; null: none.</summary>
    public required BackupRecord? Record { get; init; }

    public required ScratchServer Scratch { get; init; }

    public required ClusterRights Rights { get; init; }

    /// <summary>The name of the database that the backup replaces.</summary>
    public required string Database { get; init; }

    /// <summary>The database that has the name now; null: none.</summary>
    public required CatalogDatabase? Present { get; init; }

    /// <summary>The database to replace; null when it is missing or accepts no connections.</summary>
    public required DatabaseToReplace? Place { get; init; }

    public required RestorePlan Plan { get; init; }

    /// <summary>The archive's statements that grant and revoke rights.</summary>
    public required IReadOnlyList<string> Grants { get; init; }

    /// <summary>
    /// The parent role of the tenants' roles, which has the rights on the tables. Its name is usually <c>logto_tenant_</c> and the name of
    /// the database with underscores for hyphens. It differs in a copy under another name, and in a database that an older Logto seeded.
    /// </summary>
    public string Parent => _parent ??= Grants.SelectMany(RestorePlan.RolesIn)
        .Where(role => role.StartsWith(LogtoNames.RolePrefix, StringComparison.Ordinal))
        .GroupBy(role => role)
        .MaxBy(grantee => grantee.Count())?.Key ?? LogtoNames.RolePrefix + Database.Replace('-', '_');

    /// <summary>Roles in the grants that the server does not have and that the restore does not create.</summary>
    public IReadOnlySet<string> MissingRoles => Grants.SelectMany(RestorePlan.RolesIn)
        .Distinct()
        .Where(role => !Rights.Roles.Contains(role) && !IsLogtos(role))
        .ToHashSet(StringComparer.Ordinal);

    public bool IsLogtos(string role) => role == Parent || role.StartsWith($"{Parent}_", StringComparison.Ordinal);

    /// <summary>Returns the statements for the settings and rights of the dumped database, for a database of another name.</summary>
    /// <param name="statements">The archive's statements about its database.</param>
    /// <param name="name">The name of the other database.</param>
    public IEnumerable<string> PropertiesFor(IReadOnlyList<string> statements, string name)
    {
        var missing = MissingRoles;
        return
            from statement in statements
            let isOwner = IsAlteration(statement) && statement.Contains(" OWNER TO ", StringComparison.Ordinal)
            where !isOwner && !statement.StartsWith("CREATE DATABASE ", StringComparison.Ordinal) && !IsAbout(statement, missing)
            select ForDatabase(statement, name);
    }

    /// <summary>Returns the grants, without those for <see cref="MissingRoles"/>.</summary>
    public IEnumerable<string> PossibleGrants()
    {
        var missing = MissingRoles;
        return Grants.Where(grant => !IsAbout(grant, missing));
    }

    private static bool IsAlteration(string statement) => statement.StartsWith("ALTER DATABASE ", StringComparison.Ordinal);

    private static bool IsAbout(string statement, IReadOnlySet<string> roles) => RestorePlan.RolesIn(statement).Any(roles.Contains);

    // PostgreSQL quotes a name only if necessary, so both forms are replaced.
    private string ForDatabase(string statement, string name)
    {
        var quoted = SqlNames.Quote(name);
        return RestorePlan.Rename(RestorePlan.Rename(statement, Database, quoted), SqlNames.Quote(Database), quoted);
    }
}
