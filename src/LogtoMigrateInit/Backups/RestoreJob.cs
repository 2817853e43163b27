using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Scratch;

namespace LogtoMigrateInit.Backups;

/// <summary>One restore, as it was examined: nothing is changed yet.</summary>
internal sealed record RestoreJob
{
    private string? _parent;

    public required Archive Archive { get; init; }

    public required ArchiveContents Contents { get; init; }

    /// <summary>Null: the archive has no record.</summary>
    public required BackupRecord? Record { get; init; }

    public required ScratchServer Scratch { get; init; }

    public required ClusterRights Rights { get; init; }

    /// <summary>The name of the database that the backup replaces.</summary>
    public required string Database { get; init; }

    /// <summary>The database that has the name now; null: none does.</summary>
    public required CatalogDatabase? Present { get; init; }

    /// <summary>Null: no database has the name, or the one that has it accepts no connections.</summary>
    public required DatabaseToReplace? Place { get; init; }

    public required RestorePlan Plan { get; init; }

    /// <summary>The rights that the archive grants, as statements.</summary>
    public required IReadOnlyList<string> Grants { get; init; }

    /// <summary>
    /// The role that all tenants' roles are members of, and that the tables are granted to. Usually it is <c>logto_tenant_</c> and the
    /// database's name with underscores for hyphens. A copy under another name, or one that an older Logto seeded, has another.
    /// </summary>
    public string Parent => _parent ??= Grants.SelectMany(RestorePlan.RolesIn)
        .Where(role => role.StartsWith(LogtoNames.RolePrefix, StringComparison.Ordinal))
        .GroupBy(role => role)
        .MaxBy(grantee => grantee.Count())?.Key ?? LogtoNames.RolePrefix + Database.Replace('-', '_');

    /// <summary>Roles that the archive grants to, that the cluster lacks, and that the restore does not create.</summary>
    public IReadOnlySet<string> MissingRoles => Grants.SelectMany(RestorePlan.RolesIn)
        .Distinct()
        .Where(role => !Rights.Roles.Contains(role) && !IsLogtos(role))
        .ToHashSet(StringComparer.Ordinal);

    public bool IsLogtos(string role) => role == Parent || role.StartsWith($"{Parent}_", StringComparison.Ordinal);

    /// <summary>The settings and rights of the dumped database, for a database of another name.</summary>
    /// <param name="statements">What the archive says about its database.</param>
    /// <param name="name">The other database.</param>
    public IEnumerable<string> PropertiesFor(IReadOnlyList<string> statements, string name)
    {
        var missing = MissingRoles;
        return
            from statement in statements
            let isOwner = IsAlteration(statement) && statement.Contains(" OWNER TO ", StringComparison.Ordinal)
            where !isOwner && !statement.StartsWith("CREATE DATABASE ", StringComparison.Ordinal) && !IsAbout(statement, missing)
            select ForDatabase(statement, name);
    }

    /// <summary>The grants without those to roles that the cluster lacks.</summary>
    public IEnumerable<string> PossibleGrants()
    {
        var missing = MissingRoles;
        return Grants.Where(grant => !IsAbout(grant, missing));
    }

    private static bool IsAlteration(string statement) => statement.StartsWith("ALTER DATABASE ", StringComparison.Ordinal);

    private static bool IsAbout(string statement, IReadOnlySet<string> roles) => RestorePlan.RolesIn(statement).Any(roles.Contains);

    // PostgreSQL quotes a name only where it must.
    private string ForDatabase(string statement, string name)
    {
        var quoted = SqlNames.Quote(name);
        return RestorePlan.Rename(RestorePlan.Rename(statement, Database, quoted), SqlNames.Quote(Database), quoted);
    }
}
