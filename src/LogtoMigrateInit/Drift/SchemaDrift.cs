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
    /// <summary>Whether an object of the target's is missing or different.</summary>
    public bool LacksSomething => Differences.Any(difference => difference.What != Difference.Added);
}

/// <summary>Compares a schema with the one that the target's own seed creates.</summary>
internal static partial class SchemaDrift
{
    private const string OfConstraint = "index of a constraint";

    /// <summary>The kinds that stand alone; the others belong to a table.</summary>
    private static readonly string[] Alone = ["table", "view", "materialized view", "foreign table", "sequence", "function", "enum"];

    /// <summary>The order of repairs: later kinds may need earlier ones.</summary>
    private static readonly string[] Order =
    [
        "table", "enum", "column", "default", "not null", "constraint", OfConstraint, "index",
        "function", "trigger", "row-level security", "policy", "owner", "grant",
    ];

    /// <param name="expected">The objects that the target creates; see <see cref="Normalise"/>.</param>
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
            .Select(each => each.Kind == "owner" && owner is not null ? OwnedBy(each, owner) : each)
            .ToArray();
        var present = found.Where(IsLogtos).GroupBy(Key).ToDictionary(same => same.Key, same => same.First());
        var keys = target.Select(Key).ToHashSet();
        var tables = target.Select(each => each.Table).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var lost = target
            .Where(each => Alone.Contains(each.Kind) && !present.ContainsKey(Key(each)))
            .Select(each => each.Name)
            .ToHashSet(StringComparer.Ordinal);

        var differences = new List<SchemaDifference>();
        foreach (var each in target)
        {
            if (!present.TryGetValue(Key(each), out var other))
            {
                if (Alone.Contains(each.Kind) || each.Table is null || !lost.Contains(each.Table))
                {
                    differences.Add(new SchemaDifference(Difference.Missing, each.Kind, each.Name, each.Definition, null, each.Sql));
                }
            }
            else if (Comparable(each.Definition) != Comparable(other.Definition))
            {
                differences.Add(new SchemaDifference(
                    Difference.Different, each.Kind, each.Name, each.Definition, other.Definition, Repair(each, other)));
            }
        }

        differences.AddRange(
            from each in present.Values
            where !keys.Contains(Key(each)) && !Alone.Contains(each.Kind) && (each.Table is null || tables.Contains(each.Table))
            select new SchemaDifference(Difference.Added, each.Kind, each.Name, null, each.Definition, null));
        differences.RemoveAll(difference => IsIncluded(difference, differences));
        var ordered = differences
            .OrderBy(difference => Array.IndexOf(Order, difference.Kind))
            .ThenBy(difference => difference.Name, StringComparer.Ordinal);
        var notLogtos = found
            .Where(each => Alone.Contains(each.Kind) && !keys.Contains(Key(each)))
            .Select(each => $"{each.Kind} {each.Name}")
            .Order(StringComparer.Ordinal);
        return new DriftReport([.. ordered], [.. notLogtos], target.Length);
    }

    /// <summary>
    /// Makes names comparable. The names of Logto's roles contain the name of their database, in which older releases replace hyphens by
    /// underscores (logto-io/logto#9060).
    /// </summary>
    /// <param name="objects">The objects of one database.</param>
    /// <param name="from">Its name.</param>
    /// <param name="to">The name of the real database.</param>
    public static IReadOnlyList<SchemaObject> Normalise(IReadOnlyList<SchemaObject> objects, string from, string to)
    {
        // A database that was restored or cloned under another name still grants rights to the roles of the old name.
        var former = objects
            .Where(each => each.Kind == "grant")
            .Select(each => Grantee().Match(each.Name))
            .Where(match => match.Success)
            .GroupBy(match => match.Groups[1].Value)
            .MaxBy(same => same.Count())?.Key;
        var plain = to.Replace('-', '_');
        if (former is not null && former != from && former.Replace('-', '_') != plain && former != from.Replace('-', '_'))
        {
            objects = Normalise(objects, former, to);
        }

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
            ? QuotedRole().Replace(
                text.Replace(LogtoNames.RolePrefix + from, LogtoNames.RolePrefix + plain, StringComparison.Ordinal)
                    .Replace(LogtoNames.RolePrefix + from.Replace('-', '_'), LogtoNames.RolePrefix + plain, StringComparison.Ordinal),
                "$1")
            : text;
    }

    /// <summary>The operator decides on other roles' rights and on storage parameters.</summary>
    private static bool IsLogtos(SchemaObject each) => each.Kind switch
    {
        "grant" =>
            each.Name.Contains($" to {LogtoNames.RolePrefix}", StringComparison.Ordinal)
            || each.Name.Contains($" to \"{LogtoNames.RolePrefix}", StringComparison.Ordinal),
        "storage parameters" => false,
        _ => true,
    };

    private static (string Kind, string Name) Key(SchemaObject each) => (each.Kind, each.Name);

    private static SchemaObject OwnedBy(SchemaObject each, string owner) => each with
    {
        Definition = owner,
        Sql = $"alter table {each.Name} owner to {SqlNames.Quote(owner)}",
    };

    /// <summary>A constraint includes its index, and a column its default and its NOT NULL.</summary>
    private static bool IsIncluded(SchemaDifference difference, List<SchemaDifference> all) => difference.Kind switch
    {
        OfConstraint => all.Exists(other => other.Kind == "constraint" && other.Name == difference.Name),
        "not null" or "default" => all.Exists(other =>
            other.Kind == "column"
            && other.Name == difference.Name
            && other.What == difference.What
            && other.What != Difference.Different),
        _ => false,
    };

    /// <returns>Null when no statement is certain to repair it.</returns>
    private static string? Repair(SchemaObject expected, SchemaObject found)
    {
        var name = NameAndTable().Match(expected.Name) is { Success: true } match ? match.Groups[1].Value : expected.Name;
        return expected.Kind switch
        {
            "owner" or "row-level security" or "default" or "function" => expected.Sql,
            "trigger" when found.Definition.StartsWith(expected.Definition, StringComparison.Ordinal) =>
                $"alter table {expected.Table} enable trigger {name}",
            "trigger" => $"drop trigger {name} on {expected.Table}; {expected.Sql}",
            "policy" => $"drop policy {name} on {expected.Table}; {expected.Sql}",
            "constraint" when found.Definition == $"{expected.Definition} NOT VALID" =>
                $"alter table {expected.Table} validate constraint {name}",
            "index" when found.Definition == $"{expected.Definition} (invalid)" => $"reindex index concurrently {name}",
            "index" => $"drop index concurrently {name}; {expected.Sql}",
            "constraint" when found.Definition == $"{expected.Definition}{SchemaObjects.WithoutTriggers}" =>
                $"alter table {expected.Table} enable trigger all",
            "grant" => Grants(expected, found),
            "enum" => AddValues(expected, found),
            _ => null,
        };
    }

    /// <summary>Revokes and grants single rights, because revoking all rights on a table also revokes those on its columns.</summary>
    private static string Grants(SchemaObject expected, SchemaObject found)
    {
        var (rights, present) = (expected.Definition.Split(", "), found.Definition.Split(", "));
        var (extra, missing) = (present.Except(rights).ToArray(), rights.Except(present).ToArray());
        var grant = Grant().Match(expected.Sql!).Groups;
        var (columns, target, role) = (grant["columns"].Value, grant["target"].Value, grant["role"].Value);
        return string.Join("; ", new[]
        {
            extra.Length > 0 ? $"revoke {List(extra)} on {target} from {role}" : null,
            missing.Length > 0 ? $"grant {List(missing)} on {target} to {role}" : null,
        }.OfType<string>());

        string List(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"{name}{columns}"));
    }

    /// <summary>PostgreSQL can add values of an enum at their places, but not remove or reorder them.</summary>
    private static string? AddValues(SchemaObject expected, SchemaObject found)
    {
        var (values, present) = (expected.Definition.Split(", "), found.Definition.Split(", "));
        var added =
            from each in values.Index()
            where !present.Contains(each.Item)
            let place = each.Index > 0 ? $"after {values[each.Index - 1]}" : $"before {present[0]}"
            select $"alter type {expected.Name} add value {each.Item} {place}";
        return values.Where(present.Contains).SequenceEqual(present) ? string.Join("; ", added) : null;
    }

    /// <summary>
    /// Removes line breaks, and casts between PostgreSQL's text types. A restored database has these casts in other places than the dumped
    /// one: PostgreSQL reads <c>'a'::varchar in a list::text[]</c> back as <c>'a'::varchar::text</c> in a list.
    /// </summary>
    private static string Comparable(string definition) => TextCast().Replace(Blanks().Replace(definition, " ").Trim(), "");

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Blanks();

    [GeneratedRegex(@"::(?:text|character varying(?:\([0-9]+\))?)(?:\[\])?", RegexOptions.CultureInvariant)]
    private static partial Regex TextCast();

    [GeneratedRegex("""^("(?:""|[^"])+"|\S+) on """, RegexOptions.CultureInvariant)]
    private static partial Regex NameAndTable();

    [GeneratedRegex(
        "^grant [a-z]+(?<columns> \\(.*?\\))?(?:, .*?)? on (?<target>(?:table|sequence|schema) .*) to (?<role>.*)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Grant();

    [GeneratedRegex(""" to "?logto_tenant_([^"]*)"?$""", RegexOptions.CultureInvariant)]
    private static partial Regex Grantee();

    [GeneratedRegex("\"(logto_tenant_[a-z0-9_]+)\"", RegexOptions.CultureInvariant)]
    private static partial Regex QuotedRole();
}
