using System.Text.RegularExpressions;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.Repair;

/// <summary>Finds faults of the schema and of signing keys, and the SQL that repairs them.</summary>
internal static partial class SchemaFindings
{
    private const string Invalid = " (invalid)";

    private const string OnlyPrinted =
        "`repair` changes no column, constraint or type, takes nothing away, and turns no trigger on; run it when you agree";

    /// <summary>
    /// Returns the differences from the target's schema in the order of the report, tables without row-level security, and invalid indexes.
    /// </summary>
    /// <param name="drift">Null when the schema was not compared.</param>
    public static IEnumerable<Finding> Of(DriftReport? drift, Inspection inspection)
    {
        var differences = (drift?.Differences ?? []).Where(difference => !IsInvalidIndex(difference)).ToArray();
        foreach (var difference in differences)
        {
            var isCovered = difference.Sql is not null && IsCovered(difference);
            yield return new Finding(
                DriftText.Short(difference), isCovered ? RepairBy.Command : RepairBy.Operator,
                DriftText.IsLong(difference) ? difference.Sql : DriftText.Line(difference.Sql) is { Length: > 0 } line ? line : null)
            {
                Of = (difference.Kind, difference.Name),
                Why = isCovered ? null : difference.Sql is null ? "no statement is certain to repair it" : OnlyPrinted,
            };
        }

        foreach (var table in inspection.TablesWithoutRowSecurity.Where(table => drift is not null && !IsAmong(differences, table)))
        {
            yield return new Finding(
                $"the table '{table}' has no row-level security and is not Logto's, and Logto refuses to start", RepairBy.Operator,
                $"alter table {SqlNames.Quote(table)} enable row level security")
            {
                Why = "move it to another schema; or enable row-level security, which hides its rows from all but its owner",
            };
        }

        foreach (var index in inspection.InvalidIndexes)
        {
            yield return OfInvalid(index);
        }
    }

    /// <summary>Returns the key sets whose only fault is that they have more Previous keys than Logto accepts.</summary>
    /// <param name="keys">Null when the database stores keys in an old form.</param>
    public static IEnumerable<Finding> OfKeys(IReadOnlyList<KeySet>? keys) =>
        from set in keys ?? []
        let surplus = StartConditions.SurplusKeys(set)
        where surplus > 0
        select new Finding(
            $"'{set.Key}' of the tenant '{set.Tenant}' holds {surplus} Previous {(surplus == 1 ? "key" : "keys")} too many",
            RepairBy.CommandAfterBackup, TenantRolesSql.TrimKeys(set.Tenant))
        {
            Why = "tokens that a dropped key has signed are no longer accepted",
        };

    /// <summary>
    /// Whether the command runs the SQL. It restores Logto's rights, policies, triggers and functions, and builds missing indexes. It
    /// revokes no right of the owner or of PUBLIC, because these are the operator's.
    /// </summary>
    private static bool IsCovered(SchemaDifference difference) => difference switch
    {
        { Kind: "grant" } when SchemaDrift.IsOfOwnerOrPublic(difference.Kind, difference.Name) =>
            !difference.Sql!.Contains("revoke ", StringComparison.Ordinal),
        { What: Difference.Added } => difference.Kind == "grant",
        { Kind: "function" or "trigger" or "policy" or "row-level security" or "role" or "owner" or "grant" } => true,
        { Kind: "index" } => difference.What == Difference.Missing,
        _ => false,
    };

    /// <summary>
    /// Whether the difference is only an invalid index. The inspection lists all invalid indexes, also those that are not Logto's.
    /// </summary>
    private static bool IsInvalidIndex(SchemaDifference difference) =>
        difference.Kind.StartsWith("index", StringComparison.Ordinal) && difference.Found is { } found
        && found.EndsWith(Invalid, StringComparison.Ordinal)
        && (difference.Expected is null || found == $"{difference.Expected}{Invalid}");

    private static bool IsAmong(IEnumerable<SchemaDifference> differences, string table) =>
        differences.Any(difference => difference.Kind == "row-level security" && SqlNames.Unquote(difference.Name) == table);

    /// <summary>
    /// Returns the finding for an invalid index. An interrupted concurrent rebuild leaves a second index
    /// (https://www.postgresql.org/docs/current/sql-reindex.html). Only its name shows that, so the operator must drop it.
    /// </summary>
    private static Finding OfInvalid(string index) => LeftByReindex().IsMatch(index)
        ? new Finding(
            $"the index '{index}' is invalid, and by its name an interrupted rebuild left it behind", RepairBy.Operator,
            $"drop index concurrently {SqlNames.Quote(index)}")
        {
            Of = ("index", index),
            Why = "drop it if the index of the same name without this ending is valid",
        }
        : new Finding(
            $"the index '{index}' is invalid, so PostgreSQL does not use it", RepairBy.Command,
            $"reindex index concurrently {SqlNames.Quote(index)}")
        {
            Of = ("index", index),
        };

    [GeneratedRegex("_cc(?:new|old)[0-9]*$", RegexOptions.CultureInvariant)]
    private static partial Regex LeftByReindex();
}
