using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Drift;

/// <summary>How an object differs from the target's own.</summary>
internal enum Difference
{
    Missing,
    Different,

    /// <summary>An object on a table of Logto's that Logto does not create.</summary>
    Added,
}

/// <summary>One difference.</summary>
/// <param name="What">How it differs.</param>
/// <param name="Kind">See <see cref="SchemaObject.Kind"/>.</param>
/// <param name="Name">See <see cref="SchemaObject.Name"/>.</param>
/// <param name="Expected">The target's definition; null when the target has none.</param>
/// <param name="Found">The definition in the real database; null when it is missing.</param>
/// <param name="Sql">The statement that repairs it; null when none is certain to.</param>
internal sealed record SchemaDifference(Difference What, string Kind, string Name, string? Expected, string? Found, string? Sql);

/// <summary>All differences, and the objects that are not Logto's.</summary>
/// <param name="Differences">In the order in which the operator should repair them.</param>
/// <param name="NotLogtos">Tables, views, functions and so on that the target does not have: no drift.</param>
/// <param name="Compared">How many objects of the target's were compared.</param>
internal sealed record DriftReport(IReadOnlyList<SchemaDifference> Differences, IReadOnlyList<string> NotLogtos, int Compared)
{
    /// <summary>
    /// Whether an object of the target's is missing or different. How PostgreSQL stores a table, and the rights of its owner and of all
    /// roles, are the operator's, who may have good reasons for them.
    /// </summary>
    public bool LacksSomething => Differences.Any(difference =>
        difference.What != Difference.Added
        && difference.Kind is not ("storage parameters" or "replica identity")
        && !SchemaDrift.IsOfOwnerOrPublic(difference.Kind, difference.Name));
}

/// <summary>Compares a schema with the one that the target's own seed creates.</summary>
internal static partial class SchemaDrift
{
    private const string OfConstraint = "index of a constraint";

    /// <summary>The kinds that stand alone; the others belong to a table, a function or an enum.</summary>
    private static readonly string[] Alone = ["table", "view", "materialized view", "foreign table", "sequence", "function", "enum"];

    /// <summary>The order of repairs: later kinds may need earlier ones. Row-level security without policies hides all rows.</summary>
    private static readonly string[] Order =
    [
        "enum", "table", "column", "function", "default", "not null", "constraint", OfConstraint, "index", "storage parameters",
        "replica identity", "rule", "trigger", "policy", "row-level security", "role", "owner", "grant",
    ];

    /// <param name="expected">The objects that the target creates; see <see cref="WithRoles"/>.</param>
    /// <param name="found">The objects of the real database.</param>
    // Over 40 lines: what is missing, different and added is found from the same sets.
    public static DriftReport Compare(IReadOnlyList<SchemaObject> expected, IReadOnlyList<SchemaObject> found)
    {
        var owner = found
            .Where(each => each.Kind == "owner" && expected.Any(other => other.Kind == "owner" && other.Name == each.Name))
            .GroupBy(each => each.Definition)
            .MaxBy(same => same.Count())?.Key;
        var target = expected
            .Where(IsLogtos)
            .Select(each => owner is null ? each : DriftRepair.OwnedBy(each, owner))
            .ToArray();
        var present = found.Where(IsLogtos).GroupBy(Key).ToDictionary(same => same.Key, same => same.First());
        var keys = target.Select(Key).ToHashSet();
        var wholes = target.Select(each => each.Table).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var lost = target
            .Where(each => Alone.Contains(each.Kind) && !present.ContainsKey(Key(each)))
            .Select(each => each.Name)
            .ToHashSet(StringComparer.Ordinal);

        var differences = new List<(SchemaObject Of, SchemaDifference Difference)>();
        foreach (var each in target)
        {
            if (!present.TryGetValue(Key(each), out var other))
            {
                if (Alone.Contains(each.Kind) || each.Table is null || !lost.Contains(each.Table))
                {
                    differences.Add((each, new SchemaDifference(
                        Difference.Missing, each.Kind, each.Name, each.Definition, null, each.Sql)));
                }
            }
            else if (Comparable(each.Definition) != Comparable(other.Definition))
            {
                differences.Add((each, new SchemaDifference(
                    Difference.Different, each.Kind, each.Name, each.Definition, other.Definition, DriftRepair.Of(each, other))));
            }
        }

        differences.AddRange(
            from each in present.Values
            where !keys.Contains(Key(each)) && !Alone.Contains(each.Kind) && (each.Table is null || wholes.Contains(each.Table))
                && !IsUseOfSchema(each)
            select (each, new SchemaDifference(
                Difference.Added, each.Kind, each.Name, null, each.Definition, DriftRepair.OfAdded(each))));
        differences = differences.ConvertAll(each => (each.Of, DriftRepair.WithColumns(each.Difference, each.Of, target)));
        var all = differences.ConvertAll(each => each.Difference);
        differences.RemoveAll(each => IsIncluded(each.Difference, all));
        var notLogtos = found
            .Where(each => Alone.Contains(each.Kind) && !keys.Contains(Key(each)))
            .Select(each => $"{each.Kind} {each.Name}")
            .Order(StringComparer.Ordinal)
            .ToArray();
        var ordered = DriftRepair.WithoutUncertain(differences, notLogtos)
            .OrderBy(difference => Array.IndexOf(Order, difference.Kind))
            .ThenBy(difference => difference.Expected?.StartsWith("FOREIGN KEY", StringComparison.Ordinal)) // it needs a primary key
            .ThenBy(difference => difference.Name, StringComparer.Ordinal);
        return new DriftReport([.. ordered], notLogtos, target.Length);
    }

    /// <summary>
    /// Returns the parent role of a database's tenants, as PostgreSQL quotes it. It has the rights on Logto's tables. A database that was
    /// restored or cloned under another name mostly keeps the roles of the old name.
    /// </summary>
    /// <param name="objects">The objects of the database.</param>
    /// <param name="database">Its name, which counts when no role of Logto's has a right.</param>
    public static string ParentRole(IReadOnlyList<SchemaObject> objects, string database) =>
        FindParent(objects) ?? SqlNames.Quote(LogtoNames.RolePrefix + database.Replace('-', '_'));

    /// <summary>
    /// Renames Logto's roles. Their names contain the name of their database, in which older releases replace hyphens by underscores
    /// (logto-io/logto#9060).
    /// </summary>
    /// <param name="objects">The objects of one database.</param>
    /// <param name="parent">The parent role of the other database; see <see cref="ParentRole"/>.</param>
    public static IReadOnlyList<SchemaObject> WithRoles(IReadOnlyList<SchemaObject> objects, string parent)
    {
        if (FindParent(objects) is not { } own || own == parent)
        {
            return objects;
        }

        var (from, to) = (SqlNames.Unquote(own), SqlNames.Unquote(parent));
        return
        [
            .. objects.Select(each => each with
            {
                Name = Rename(each.Name),
                Definition = Rename(each.Definition),
                Sql = each.Sql is { } sql ? Rename(sql) : null,
            }),
        ];

        string Rename(string text) => text.Contains(LogtoNames.RolePrefix, StringComparison.Ordinal)
            ? LogtoRole().Replace(
                text,
                match => SqlNames.Unquote(match.Value) is var role && role.StartsWith(from, StringComparison.Ordinal)
                    ? QuoteLikeServer(to + role[from.Length..])
                    : match.Value)
            : text;
    }

    private static string? FindParent(IReadOnlyList<SchemaObject> objects) => objects
        .Where(each => each.Kind == "grant")
        .Select(each => Grantee().Match(each.Name))
        .Where(match => match.Success)
        .GroupBy(match => match.Groups[1].Value)
        .MaxBy(same => same.Count())?.Key;

    /// <summary>As <c>quote_ident</c> does; no name with this prefix is a keyword.</summary>
    private static string QuoteLikeServer(string role) => PlainName().IsMatch(role) ? role : SqlNames.Quote(role);

    /// <summary>The operator decides on the rights of roles that are not Logto's, and of all others on its schema.</summary>
    private static bool IsLogtos(SchemaObject each) =>
        each.Kind != "grant" || Grantee().IsMatch(each.Name) || (each.Table is not null && IsOfOwnerOrPublic(each.Kind, each.Name));

    /// <summary>Logto's roles need this right themselves where the operator has taken it from PUBLIC.</summary>
    private static bool IsUseOfSchema(SchemaObject each) => each is { Kind: "grant", Table: null, Definition: "usage" };

    /// <summary>Whether it is a right of an object's owner, or of all roles.</summary>
    public static bool IsOfOwnerOrPublic(string kind, string name) =>
        kind == "grant"
        && (name.EndsWith(" to public", StringComparison.Ordinal) || name.EndsWith(" to its owner", StringComparison.Ordinal));

    private static (string Kind, string Name) Key(SchemaObject each) => (each.Kind, each.Name);

    /// <summary>A constraint includes its index, and a column its default, its NOT NULL and its rights.</summary>
    private static bool IsIncluded(SchemaDifference difference, List<SchemaDifference> all) => difference.Kind switch
    {
        OfConstraint => all.Exists(other => other.Kind == "constraint" && other.Name == difference.Name),
        "not null" or "default" => all.Exists(other => IsWholeColumn(other, difference.What) && other.Name == difference.Name),
        "grant" => all.Exists(
            other => IsWholeColumn(other, difference.What) && difference.Name.StartsWith($"{other.Name} to ", StringComparison.Ordinal)),
        _ => false,
    };

    private static bool IsWholeColumn(SchemaDifference other, Difference what) =>
        other.Kind == "column" && other.What == what && what != Difference.Different;

    /// <summary>
    /// Removes line breaks, and casts between PostgreSQL's text types. A restored database has these casts in other places than the dumped
    /// one: PostgreSQL reads <c>'a'::varchar in a list::text[]</c> back as <c>'a'::varchar::text</c> in a list.
    /// </summary>
    private static string Comparable(string definition) => TextCast().Replace(Blanks().Replace(definition, " ").Trim(), "");

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Blanks();

    [GeneratedRegex(@"::(?:text|character varying(?:\([0-9]+\))?)(?:\[\])?", RegexOptions.CultureInvariant)]
    private static partial Regex TextCast();

    [GeneratedRegex(""" to (logto_tenant_\S*|"logto_tenant_(?:""|[^"])*")$""", RegexOptions.CultureInvariant)]
    private static partial Regex Grantee();

    [GeneratedRegex("""logto_tenant_[a-z0-9_]*|"logto_tenant_(?:""|[^"])*"(?!")""", RegexOptions.CultureInvariant)]
    private static partial Regex LogtoRole();

    [GeneratedRegex("^[a-z0-9_]+$", RegexOptions.CultureInvariant)]
    private static partial Regex PlainName();
}
