using System.Text.RegularExpressions;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Drift;

/// <summary>The kind of a difference from the target's schema.</summary>
internal enum Difference
{
    Missing,
    Different,

    /// <summary>An object on a table of Logto that Logto does not create.</summary>
    Added,
}

/// <summary>One difference of an object from the target's schema.</summary>
/// <param name="Kind">The kind of the object (<see cref="SchemaObject.Kind"/>).</param>
/// <param name="Name">The name of the object (<see cref="SchemaObject.Name"/>).</param>
/// <param name="Expected">The target's definition; null when the target has none.</param>
/// <param name="Found">The definition in the real database; null when the object is missing.</param>
/// <param name="Sql">The SQL that repairs the difference; null when no SQL is certain to do so.</param>
internal sealed record SchemaDifference(Difference What, string Kind, string Name, string? Expected, string? Found, string? Sql);

/// <summary>The result of a comparison.</summary>
/// <param name="Differences">In the order in which the operator should repair them.</param>
/// <param name="ForeignObjects">Tables, views, functions and so on that the target does not have. They do not count as drift.</param>
/// <param name="Compared">The number of the target's objects that were compared.</param>
internal sealed record DriftReport(IReadOnlyList<SchemaDifference> Differences, IReadOnlyList<string> ForeignObjects, int Compared)
{
    /// <summary>
    /// Whether an object of the target is missing or different. Storage parameters, the replica identity, and the rights of owners and of
    /// PUBLIC do not count, because the operator may have changed them on purpose.
    /// </summary>
    public bool LacksSomething => Differences.Any(difference =>
        difference.What != Difference.Added
        && difference.Kind is not ("storage parameters" or "replica identity")
        && !SchemaDrift.IsOfOwnerOrPublic(difference.Kind, difference.Name));
}

/// <summary>Compares a schema with the one that the target's seed creates.</summary>
internal static partial class SchemaDrift
{
    private const string OfConstraint = "index of a constraint";

    /// <summary>The kinds of independent objects. Objects of all other kinds belong to one of them.</summary>
    private static readonly string[] Alone = ["table", "view", "materialized view", "foreign table", "sequence", "function", "enum"];

    /// <summary>
    /// The order of repairs: later kinds may need earlier ones. Policies come before row-level security, which hides all rows without them.
    /// </summary>
    private static readonly string[] Order =
    [
        "enum", "table", "column", "function", "default", "not null", "constraint", OfConstraint, "index", "storage parameters",
        "replica identity", "rule", "trigger", "policy", "row-level security", "role", "owner", "grant",
    ];

    /// <param name="expected">
    /// The objects that the target creates, with the role names of the real database (<see cref="WithRoles"/>).
    /// </param>
    /// <param name="found">The objects of the real database.</param>
    // Over 40 lines: missing, different and added objects come from the same sets.
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
            .ThenBy(difference => difference.Expected?.StartsWith("FOREIGN KEY", StringComparison.Ordinal)) // after the primary keys
            .ThenBy(difference => difference.Name, StringComparer.Ordinal);
        return new DriftReport([.. ordered], notLogtos, target.Length);
    }

    /// <summary>
    /// Returns the quoted name of the parent role, which has the rights on Logto's tables. A database that was restored or cloned under
    /// another name usually keeps the roles of the old name.
    /// </summary>
    /// <param name="objects">The objects of the database.</param>
    /// <param name="database">The name of the database. It determines the role when no role of Logto has a right.</param>
    public static string ParentRole(IReadOnlyList<SchemaObject> objects, string database) =>
        FindParent(objects) ?? SqlNames.Quote(LogtoNames.RolePrefix + database.Replace('-', '_'));

    /// <summary>
    /// Renames Logto's roles in the objects. Reason: the names contain the name of the database, in which older releases replace hyphens by
    /// underscores (logto-io/logto#9060).
    /// </summary>
    /// <param name="objects">The objects of one database.</param>
    /// <param name="parent">The parent role of the other database (<see cref="ParentRole"/>).</param>
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

    /// <summary>Quotes a name like <c>quote_ident</c>. No name with Logto's prefix is a keyword.</summary>
    private static string QuoteLikeServer(string role) => PlainName().IsMatch(role) ? role : SqlNames.Quote(role);

    /// <summary>
    /// Whether the object is compared. Rights of other roles are not, and neither are rights of PUBLIC and owners on the schema: the
    /// operator decides on them.
    /// </summary>
    private static bool IsLogtos(SchemaObject each) =>
        each.Kind != "grant" || Grantee().IsMatch(each.Name) || (each.Table is not null && IsOfOwnerOrPublic(each.Kind, each.Name));

    /// <summary>Whether it is the right to use the schema. Logto's roles need it if the operator has revoked it from PUBLIC.</summary>
    private static bool IsUseOfSchema(SchemaObject each) => each is { Kind: "grant", Table: null, Definition: "usage" };

    /// <summary>Whether it is a right of an object's owner, or of PUBLIC.</summary>
    public static bool IsOfOwnerOrPublic(string kind, string name) =>
        kind == "grant"
        && (name.EndsWith(" to public", StringComparison.Ordinal) || name.EndsWith(" to its owner", StringComparison.Ordinal));

    private static (string Kind, string Name) Key(SchemaObject each) => (each.Kind, each.Name);

    /// <summary>
    /// Whether another difference includes this one. A constraint includes its index. A missing or added column includes its default, its
    /// NOT NULL and its rights.
    /// </summary>
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
    /// Removes line breaks and casts between PostgreSQL's text types. Reason: in a restored database these casts are in other places.
    /// PostgreSQL reads <c>'a'::varchar in a list::text[]</c> back as <c>'a'::varchar::text</c> in a list.
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
