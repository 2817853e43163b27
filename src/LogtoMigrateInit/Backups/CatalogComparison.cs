using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Backups;

/// <summary>The kinds of changes of access by a restore. They are the values of <c>--accept</c>.</summary>
internal static class AccessChange
{
    /// <summary>PUBLIC gains rights on the schema <c>public</c>.</summary>
    public const string Public = "public";

    /// <summary>An object has another owner, and its former owner exists on this server and loses the object.</summary>
    public const string Owners = "owners";

    /// <summary>A role of this server has other rights on an object.</summary>
    public const string Grants = "grants";

    public static bool IsOne(string word) => word is Public or Owners or Grants;
}

/// <summary>One difference between a restored database and the dumped one.</summary>
/// <param name="Object">The kind and the name of the object.</param>
/// <param name="What">A clause, the same for all objects that differ in the same way.</param>
/// <param name="Access">A value of <see cref="AccessChange"/>; null when no role on this server loses or gains a right.</param>
internal sealed record CatalogDifference(string Object, string What, string? Access);

/// <summary>The roles of the server on which a backup is restored.</summary>
/// <param name="All">The names of all roles.</param>
/// <param name="Unaffected">The superusers, and the roles that have the rights of the user who restores.</param>
internal sealed record RolesHere(IReadOnlySet<string> All, IReadOnlySet<string> Unaffected);

/// <summary>Compares the catalog of a restored database with the recorded one.</summary>
internal static class CatalogComparison
{
    private const string OwnerOfDatabase = "pg_database_owner";
    private const int FirstWithMaintain = 17;

    /// <summary>Returns the differences of the restored objects, their owners, rights, definitions and sequence positions.</summary>
    /// <param name="recorded">The objects of the dumped database.</param>
    /// <param name="restored">The objects of the new database.</param>
    /// <param name="from">The major version of the dumped server.</param>
    /// <param name="to">The major version of this server. Definitions are compared only if both are equal.</param>
    /// <param name="roles">
    /// The roles of this server. Rights of other roles are not compared. Null: no owners and rights are compared.
    /// </param>
    public static IReadOnlyList<CatalogDifference> Compare(
        IReadOnlyList<CatalogObject> recorded, IReadOnlyList<CatalogObject> restored, int from, int to, RolesHere? roles)
    {
        var found = DatabaseCatalog.ByKey(restored);
        var expected = DatabaseCatalog.ByKey(recorded);
        var differences = new List<CatalogDifference>();
        foreach (var wanted in recorded)
        {
            if (!found.TryGetValue(wanted.Key, out var actual))
            {
                differences.Add(new(Describe(wanted), "is not restored", null));
                continue;
            }

            if (roles is not null)
            {
                differences.AddRange(CompareOwners(wanted, actual, roles));
                differences.AddRange(CompareRights(wanted, actual, Math.Min(from, to) < FirstWithMaintain, roles));
            }

            if (from == to && wanted.Definition is null)
            {
                const string Unknown = "changed during the dump, or could not be read, so its definition is not compared";
                differences.Add(new(Describe(wanted), Unknown, null));
            }
            else if (from == to && wanted.Definition != actual.Definition)
            {
                differences.Add(new(Describe(wanted), "is not defined as it was", null));
            }

            if (wanted.Value > actual.Value)
            {
                differences.Add(new(Describe(wanted), $"stands at {actual.Value}, and was at {wanted.Value}", null));
            }
        }

        differences.AddRange(restored.Where(each => !expected.ContainsKey(each.Key))
            .Select(each => new CatalogDifference(Describe(each), "was not in the dumped database", null)));
        return differences;
    }

    /// <summary>
    /// Returns a difference for each statement of the dump that the server refused. A denied grant counts as a change of access. Reason:
    /// the catalog does not have the rights on objects of every database, such as a language.
    /// </summary>
    public static IEnumerable<CatalogDifference> OfRefused(IEnumerable<RefusedStatement> statements) => statements.Select(statement =>
    {
        var isRight = statement.Text.StartsWith("GRANT ", StringComparison.Ordinal)
            || statement.Text.StartsWith("REVOKE ", StringComparison.Ordinal);
        return new CatalogDifference($"`{statement.Text}`", "was refused", isRight && statement.IsDenied ? AccessChange.Grants : null);
    });

    private static IEnumerable<CatalogDifference> CompareOwners(CatalogObject wanted, CatalogObject actual, RolesHere roles)
    {
        // Since PostgreSQL 15 the owner of the schema "public" is pg_database_owner, which stands for the owner of the database.
        if (wanted.Owner == actual.Owner || wanted.Owner is null
            || (wanted.Owner == OwnerOfDatabase) != (actual.Owner == OwnerOfDatabase))
        {
            return [];
        }

        var isHere = roles.All.Contains(wanted.Owner);
        var former = $"'{wanted.Owner}'{(isHere ? "" : ", which this server does not have,")}";
        var what = $"belonged to {former} and belongs to '{actual.Owner}' now";
        var loses = isHere && !roles.Unaffected.Contains(wanted.Owner);
        return [new(Describe(wanted), what, loses ? AccessChange.Owners : null)];
    }

    private static IEnumerable<CatalogDifference> CompareRights(
        CatalogObject wanted, CatalogObject actual, bool withoutMaintain, RolesHere roles)
    {
        var before = Parse(wanted.Rights, withoutMaintain);
        var after = Parse(actual.Rights, withoutMaintain);
        var newOwner = wanted.Owner == actual.Owner ? null : actual.Owner; // an owner has all rights
        var concerned = before.Keys.Union(after.Keys).Where(role => role is "" or "*" || (roles.All.Contains(role) && role != newOwner));
        foreach (var role in concerned)
        {
            var had = before.GetValueOrDefault(role, []);
            var has = after.GetValueOrDefault(role, []);
            var lost = string.Join(", ", had.Except(has));
            var gained = string.Join(", ", has.Except(had));
            var who = role switch { "" => "everybody (PUBLIC)", "*" => "its owner", _ => $"role '{role}'" };
            if (role == "*" && (before.ContainsKey(role) != after.ContainsKey(role) || lost.Length + gained.Length > 0))
            {
                yield return new(Describe(wanted), "has other rights of its owner", AccessChange.Grants);
            }
            else if (lost.Length + gained.Length > 0)
            {
                var what = lost.Length == 0 ? $"gains {gained}" : gained.Length == 0 ? $"loses {lost}" : $"loses {lost} and gains {gained}";
                yield return new(Describe(wanted), $"{who} {what}", Judge(wanted, role, gained, roles));
            }
        }
    }

    private static string? Judge(CatalogObject wanted, string role, string gained, RolesHere roles) =>
        role.Length == 0 && wanted is { Kind: "schema", Name: "public" }
            ? (gained.Length > 0 ? AccessChange.Public : null)
        : role.Length > 0 && roles.Unaffected.Contains(role) ? null
        : AccessChange.Grants;

    private static string Describe(CatalogObject each) => each.Name.Length == 0 ? "the database" : $"{each.Kind} {each.Name}";

    private static Dictionary<string, string[]> Parse(string? rights, bool withoutMaintain)
    {
        var byRole = new Dictionary<string, string[]>(StringComparer.Ordinal);
        var start = "";
        foreach (var part in (rights ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var line = start + part;
            var at = line.LastIndexOf('=');
            if (at < 0)
            {
                start = line + "\n"; // a role's name may contain line breaks
                continue;
            }

            start = "";
            byRole[line[..at]] =
            [
                .. line[(at + 1)..].Split(',').Where(right => !withoutMaintain || right.TrimEnd('+') != "maintain"),
            ];
        }

        return byRole;
    }
}
