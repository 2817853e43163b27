using System.Text.RegularExpressions;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Drift;

/// <summary>Finds the SQL that repairs a difference. All SQL, run in the order of the report, must leave no difference.</summary>
internal static partial class DriftRepair
{
    private const string ToOwner = " to its owner";

    /// <summary>Returns the object as it would be with another owner.</summary>
    public static SchemaObject OwnedBy(SchemaObject each, string owner) => each switch
    {
        { Kind: "owner", Sql: { } sql } => each with
        {
            Definition = owner,
            Sql = $"{sql[..sql.LastIndexOf(" owner to ", StringComparison.Ordinal)]} owner to {SqlNames.Quote(owner)}",
        },
        { Kind: "grant", Sql: { } sql } when each.Name.EndsWith(ToOwner, StringComparison.Ordinal) => each with
        {
            Sql = $"{sql[..sql.LastIndexOf(" to ", StringComparison.Ordinal)]} to {SqlNames.Quote(owner)}",
        },
        _ => each,
    };

    /// <summary>Returns the SQL for an object that differs from the target's.</summary>
    /// <returns>Null when no statement is certain to repair it.</returns>
    public static string? Of(SchemaObject expected, SchemaObject found)
    {
        var name = NameOf(expected);
        return expected.Kind switch
        {
            "owner" or "row-level security" or "default" or "replica identity" or "role" => expected.Sql,
            "function" => Returns(expected) == Returns(found) ? expected.Sql : null, // "or replace" cannot change the return type
            "table" when expected.Definition is "logged" or "unlogged" && found.Definition is "logged" or "unlogged" =>
                $"alter table {expected.Name} set {expected.Definition}",
            "trigger" when found.Definition.StartsWith($"{expected.Definition} (", StringComparison.Ordinal) =>
                $"alter table {expected.Table} enable trigger {name}",
            "trigger" => $"drop trigger {name} on {expected.Table}; {expected.Sql}",
            "policy" => $"drop policy {name} on {expected.Table}; {expected.Sql}",
            "constraint" when found.Definition == $"{expected.Definition} NOT VALID" =>
                $"alter table {expected.Table} validate constraint {name}",
            "index" when found.Definition == $"{expected.Definition} (invalid)" => $"reindex index concurrently {name}",
            "index" => $"drop index concurrently {name}; {expected.Sql}",
            "constraint" when found.Definition == $"{expected.Definition}{SchemaObjects.WithoutTriggers}" =>
                $"alter table {expected.Table} enable trigger all",
            "storage parameters" => $"{Reset(found)}; {expected.Sql}",
            "grant" => Grants(expected, found),
            "enum" => AddValues(expected, found),
            _ => null,
        };
    }

    /// <summary>Returns the SQL that removes an object that Logto does not create; null when it could lose rows or columns.</summary>
    public static string? OfAdded(SchemaObject added) => added.Kind switch
    {
        "policy" or "rule" => $"drop {added.Kind} {NameOf(added)} on {added.Table}",
        "default" or "not null" => $"alter table {added.Table} alter column {SqlNames.Part(added.Name).Column} drop {added.Kind}",
        "storage parameters" => Reset(added),
        "grant" => Grants(added with { Definition = "" }, added),
        _ => null,
    };

    /// <summary>Adds grants of rights on columns, because PostgreSQL revokes them together with the rights on their table.</summary>
    /// <param name="of">The object of the difference.</param>
    /// <param name="target">The objects that the target creates.</param>
    public static SchemaDifference WithColumns(SchemaDifference difference, SchemaObject of, IEnumerable<SchemaObject> target)
    {
        if (of is not { Kind: "grant", Table: { } table } || !of.Name.StartsWith($"{table} to ", StringComparison.Ordinal)
            || difference.Sql?.Contains("revoke ", StringComparison.Ordinal) != true)
        {
            return difference;
        }

        var role = of.Name[table.Length..];
        var columns =
            from each in target
            where each.Kind == "grant" && each.Table == table && each.Sql is not null
                && each.Name.StartsWith($"{table}.", StringComparison.Ordinal) && each.Name.EndsWith(role, StringComparison.Ordinal)
            select each.Sql;
        return difference with { Sql = string.Join("; ", columns.Prepend(difference.Sql)) };
    }

    /// <summary>
    /// Removes SQL that would fail because it needs a missing object without SQL. An index needs its columns, a foreign key the other
    /// table.
    /// </summary>
    /// <param name="differences">Each difference with its object.</param>
    /// <param name="notLogtos">The kinds and names of objects that are not Logto's.</param>
    public static IEnumerable<SchemaDifference> WithoutUncertain(
        IReadOnlyList<(SchemaObject Of, SchemaDifference Difference)> differences, IReadOnlyList<string> notLogtos)
    {
        var missing = differences
            .Where(each => each.Difference is { What: Difference.Missing, Sql: null, Kind: "table" or "column" or "enum" or "function" })
            .Select(each => each.Of)
            .Select(each => (each.Kind, each.Table, Name: each.Kind == "column" ? SqlNames.Part(each.Name).Column : BaseName(each)))
            .ToArray();
        var unlogged = differences.Count(each => each.Difference is { Kind: "table", What: Difference.Different });
        foreach (var (of, difference) in differences)
        {
            var isUncertain = difference.Sql is { } sql && (
                missing.Any(each => (each.Kind != "column" || each.Table == of.Table) && Mentions(sql, each.Name))
                || (of.Kind == "table" && unlogged > 1) // a logged table cannot reference an unlogged one
                || (of.Kind == "function"
                    && notLogtos.Any(other => other.StartsWith($"function {BaseName(of)}(", StringComparison.Ordinal)))
                || (of.Kind == "constraint" && differences.Any(other =>
                    other.Difference is { What: Difference.Added, Kind: "index" } && NameOf(other.Of) == NameOf(of))));
            yield return isUncertain ? difference with { Sql = null } : difference;
        }
    }

    private static string NameOf(SchemaObject part) =>
        NameAndTable().Match(part.Name) is { Success: true } match ? match.Groups[1].Value : part.Name;

    private static string BaseName(SchemaObject whole) =>
        whole.Kind == "function" ? whole.Name[..whole.Name.IndexOf('(', StringComparison.Ordinal)] : whole.Name;

    private static string Returns(SchemaObject function) => ReturnType().Match(function.Definition).Value;

    private static bool Mentions(string sql, string name)
    {
        for (var at = 0; (at = sql.IndexOf(name, at, StringComparison.Ordinal)) >= 0; at += name.Length)
        {
            var end = at + name.Length;
            if ((at == 0 || !IsOfName(sql[at - 1])) && (end == sql.Length || !IsOfName(sql[end])))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOfName(char character) => char.IsLetterOrDigit(character) || character is '_' or '$' or '"';

    private static string Reset(SchemaObject found) =>
        $"alter table {found.Table} reset ({string.Join(", ", found.Definition.Split(", ").Select(each => each.Split('=')[0]))})";

    /// <summary>
    /// Returns statements that revoke and grant single rights. Reason: revoking all rights on a table also revokes those on its columns.
    /// </summary>
    private static string? Grants(SchemaObject expected, SchemaObject found)
    {
        const string Option = " with grant option";
        if (found.Definition.Contains(" granted by ", StringComparison.Ordinal))
        {
            return null; // only the grantor can revoke it
        }

        var (rights, present) = (Split(expected.Definition), Split(found.Definition));
        var surplus = present.Where(right => right.EndsWith(Option, StringComparison.Ordinal) && rights.Contains(right[..^Option.Length]))
            .Select(right => right[..^Option.Length])
            .ToArray();
        var extra = present.Except(rights).Select(Plain).Except(surplus).Except(rights).ToArray();
        var missing = rights.Except(present.Select(Plain)).ToArray();
        var grant = Grant().Match(expected.Sql!).Groups;
        var (columns, target, role) = (grant["columns"].Value, grant["target"].Value, grant["role"].Value);
        return string.Join("; ", new[]
        {
            surplus.Length > 0 ? $"revoke grant option for {List(surplus)} on {target} from {role}" : null,
            extra.Length > 0 ? $"revoke {List(extra)} on {target} from {role}" : null,
            missing.Length > 0 ? $"grant {List(missing)} on {target} to {role}" : null,
        }.OfType<string>());

        static string[] Split(string definition) => definition.Split(", ", StringSplitOptions.RemoveEmptyEntries);

        static string Plain(string right) => right.EndsWith(Option, StringComparison.Ordinal) ? right[..^Option.Length] : right;

        string List(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"{name}{columns}"));
    }

    /// <summary>
    /// Returns statements that add values to an enum; null when values must be removed or reordered, which PostgreSQL cannot do.
    /// </summary>
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

    [GeneratedRegex("""^("(?:""|[^"])+"|\S+) on """, RegexOptions.CultureInvariant)]
    private static partial Regex NameAndTable();

    [GeneratedRegex(@" RETURNS .*? LANGUAGE ", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex ReturnType();

    [GeneratedRegex(
        "^grant [a-z]+(?<columns> \\(.*?\\))?(?:, .*?)? on " +
        "(?<target>(?:table|sequence|schema|function|procedure|type) .*) to (?<role>.*)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Grant();
}
