using System.Text.RegularExpressions;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Scratch;

namespace LogtoMigrateInit.Backups;

/// <summary>Divides the entries of an archive by their role in a restore, before the restore changes anything.</summary>
/// <param name="Entries">The entries for <c>pg_restore</c>, in the order of the archive.</param>
/// <param name="Grants">
/// The entries of rights. The program runs their statements one by one, because one entry contains rights of Logto's roles and of others.
/// </param>
/// <param name="Properties">The entries about the database itself: its creation, its settings, its rights.</param>
/// <param name="LeftOut">The objects that are not restored, as phrases with the reason.</param>
internal sealed partial record RestorePlan(
    IReadOnlyList<ArchiveEntry> Entries,
    IReadOnlyList<ArchiveEntry> Grants,
    IReadOnlyList<ArchiveEntry> Properties,
    IReadOnlyList<string> LeftOut)
{
    private const string RowsOf = "TABLE DATA ";
    private const string PositionOf = "SEQUENCE SET ";

    private static readonly string[] OfDatabase =
        ["DATABASE ", "DATABASE PROPERTIES ", "COMMENT - DATABASE ", "ACL - DATABASE ", "SECURITY LABEL - DATABASE "];

    /// <summary>Only a superuser can create these.</summary>
    private static readonly string[] OfSuperuser =
    [
        "EVENT TRIGGER ", "SUBSCRIPTION ", "FOREIGN DATA WRAPPER ", "PROCEDURAL LANGUAGE ", "ACCESS METHOD ", "TRANSFORM ",
        "PUBLICATION TABLES IN SCHEMA ",
    ];

    /// <summary>Every new database has these.</summary>
    private static readonly string[] OfEveryDatabase = ["SCHEMA - public ", "COMMENT - EXTENSION plpgsql "];

    /// <summary>An extension that exists only in its configured database. The new database has another name until the swap.</summary>
    private const string OnlyInItsDatabase = "pg_cron";

    /// <summary>
    /// A comment that only the schema's owner may set, who is not always the user. So its failure does not end the restore.
    /// </summary>
    private const string CommentOnPublic = "COMMENT - SCHEMA public ";

    /// <summary>The archive's names of the kinds that can need an extension and can have comments or rights.</summary>
    private const string Kinds =
        "MATERIALIZED VIEW|FOREIGN TABLE|VIEW|TABLE|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|OPERATOR CLASS|OPERATOR FAMILY|" +
        "OPERATOR|INDEX|TRIGGER|POLICY|RULE|CONSTRAINT|STATISTICS|COLUMN";

    /// <param name="entries">All entries of the archive.</param>
    /// <param name="rights">The rights of the user who restores.</param>
    /// <param name="publicationsOfAllTables">The names of publications for all tables, which only a superuser can create.</param>
    /// <param name="needExtension">
    /// The dependents of each extension (<see cref="DatabaseCatalog.NeedExtension"/>); null: not recorded.
    /// </param>
    // Over 40 lines: each entry goes to one of four lists, and a left-out entry takes its dependents with it.
    public static RestorePlan Of(
        IReadOnlyList<ArchiveEntry> entries,
        ClusterRights rights,
        IReadOnlySet<string> publicationsOfAllTables,
        IReadOnlyDictionary<string, IReadOnlyList<string>>? needExtension = null)
    {
        var leftOut = new List<string>();
        var names = new HashSet<string>(StringComparer.Ordinal); // kind and name, as the entries of comments contain them
        var kept = new List<ArchiveEntry>();
        foreach (var entry in entries)
        {
            if (WhyNot(entry, rights, publicationsOfAllTables) is { } reason)
            {
                var named = NamedObject().Match(entry.Description);
                var name = named.Success ? $"{named.Groups[1].Value} {named.Groups[2].Value}" : entry.Description;
                names.UnionWith([name, $"{named.Groups[1].Value} {SqlNames.Quote(named.Groups[2].Value)}"]); // a comment may quote it
                leftOut.Add($"{name.ToLowerInvariant()} ({reason})");
            }
            else
            {
                kept.Add(entry);
            }
        }

        var needing = Needing(entries, kept, needExtension);
        kept.RemoveAll(needing.Contains);
        leftOut.AddRange(needing.Where(entry => !IsRemark(entry))
            .Select(entry => $"{Name(entry)} (it needs an extension that is left out)"));

        bool IsAboutLeftOut(ArchiveEntry entry) =>
            IsRemark(entry) && names.Any(name => entry.Description.Contains($"- {name} ", StringComparison.Ordinal));
        if (leftOut.Any(IsNeededByForeign) && kept.Any(IsForeign))
        {
            leftOut.Add("foreign servers and tables (they need what is left out)");
            kept.RemoveAll(entry => IsForeign(entry));
        }

        var grants = kept.Where(entry => (IsGrant(entry) || entry.Is(CommentOnPublic)) && !IsOfDatabase(entry) && !IsAboutLeftOut(entry));
        var restored = kept.Where(
            entry => !IsOfDatabase(entry) && !IsGrant(entry) && !entry.Is(CommentOnPublic) && !IsAboutLeftOut(entry)
                && !OfEveryDatabase.Any(entry.Is));
        return new RestorePlan([.. restored], [.. grants], [.. kept.Where(IsOfDatabase)], leftOut);
    }

    /// <summary>Whether the plan leaves out a table.</summary>
    /// <param name="table">The qualified name in SQL.</param>
    public bool IsLeftOut(string table)
    {
        var name = table.Replace("\"", "", StringComparison.Ordinal).Replace('.', ' ');
        return LeftOut.Any(text => text.StartsWith($"TABLE {name} (", StringComparison.Ordinal));
    }

    /// <summary>Returns the roles in a statement that sets a right, a default privilege or a setting.</summary>
    public static IEnumerable<string> RolesIn(string statement) =>
        RoleNames().Matches(SqlText.WithoutLiterals(statement))
            .Select(match => match.Groups[1].Value)
            .Where(role => role != "PUBLIC")
            .Select(SqlNames.Unquote);

    /// <summary>Renames the roles in a statement that sets a right, a default privilege or a setting.</summary>
    public static string RenameRoles(string statement, Func<string, string> nameFor) => RoleNames().Replace(
        statement,
        match => match.Groups[1].Value is var role && role == "PUBLIC"
            ? match.Value
            : match.Value.Replace(role, SqlNames.Quote(nameFor(SqlNames.Unquote(role))), StringComparison.Ordinal));

    /// <summary>Renames the database in a statement about a database.</summary>
    /// <param name="from">The name as the statement quotes it.</param>
    /// <param name="to">The other name, quoted.</param>
    public static string Rename(string statement, string from, string to)
    {
        var at = statement.IndexOf($"DATABASE {from} ", StringComparison.Ordinal);
        return at < 0 ? statement : $"{statement[..at]}DATABASE {to} {statement[(at + $"DATABASE {from} ".Length)..]}";
    }

    /// <summary>Returns the entries that need an extension that is left out.</summary>
    /// <param name="entries">All entries of the archive.</param>
    /// <param name="kept">The entries that are not left out so far.</param>
    private static HashSet<ArchiveEntry> Needing(
        IReadOnlyList<ArchiveEntry> entries,
        IReadOnlyList<ArchiveEntry> kept,
        IReadOnlyDictionary<string, IReadOnlyList<string>>? needExtension)
    {
        string[] missing =
        [
            .. entries.Except(kept)
                .Where(entry => entry.Is("EXTENSION "))
                .Select(entry => NamedObject().Match(entry.Description).Groups[2].Value),
        ];
        if (missing.Length == 0)
        {
            return [];
        }

        // An archive has the rows of an extension's own table, but not the table.
        var ids = missing.SelectMany(name => needExtension?.GetValueOrDefault(name) ?? []).ToHashSet(StringComparer.Ordinal);
        var tables = entries.Where(entry => entry.CatalogId.StartsWith("1259 ", StringComparison.Ordinal))
            .Select(entry => entry.CatalogId[5..])
            .ToHashSet(StringComparer.Ordinal);
        var sequences = entries.Select(entry => entry.Description).ToHashSet(StringComparer.Ordinal);
        var withRows = missing.Any(name => needExtension is null
            || needExtension.GetValueOrDefault(name, []).Any(id => id.StartsWith("0 ", StringComparison.Ordinal)));
        var needing = kept.Where(entry => ids.Contains(entry.CatalogId)
                || (entry.CatalogId.StartsWith("0 ", StringComparison.Ordinal) && ids.Contains($"1259 {entry.CatalogId[2..]}"))
                || (needExtension is null && entry.Is(RowsOf) && !tables.Contains(entry.CatalogId[2..]))
                || (withRows && entry.Is(PositionOf)
                    && !sequences.Contains(entry.Description.Replace(PositionOf, "SEQUENCE ", StringComparison.Ordinal))))
            .ToHashSet();
        string[] about = [.. needing.Select(WithoutKind).OfType<string>()];
        needing.UnionWith(kept.Where(entry => IsRemark(entry) && OfWhat(entry) is { } what
            && about.Any(name => what.StartsWith(name, StringComparison.Ordinal) && what[name.Length..] is [' ' or '.', ..])));
        return needing;
    }

    /// <summary>Returns the schema and the name of an object; null for a kind without comments.</summary>
    private static string? WithoutKind(ArchiveEntry entry) =>
        Object().Match(entry.Description) is { Success: true } found ? found.Groups[1].Value : null;

    /// <summary>Returns the schema, the name and the owner of the object of a comment, a label or a right.</summary>
    private static string? OfWhat(ArchiveEntry entry) =>
        Remark().Match(entry.Description) is { Success: true } found ? $"{found.Groups[1].Value} {found.Groups[2].Value}" : null;

    /// <summary>Returns the kind and the name of an entry, without the owner.</summary>
    private static string Name(ArchiveEntry entry)
    {
        var text = entry.Description[..Math.Max(0, entry.Description.LastIndexOf(' '))];
        return text.Replace(RowsOf, "the rows of ", StringComparison.Ordinal)
            .Replace(PositionOf, "the position of sequence ", StringComparison.Ordinal)
            .Replace(" - ", " ", StringComparison.Ordinal);
    }

    private static bool IsOfDatabase(ArchiveEntry entry) => OfDatabase.Any(entry.Is);

    private static bool IsGrant(ArchiveEntry entry) => entry.Is("ACL ") || entry.Is("DEFAULT ACL ");

    /// <summary>Whether an entry is a comment, a label or a right of another object, which its description names.</summary>
    private static bool IsRemark(ArchiveEntry entry) => entry.Is("COMMENT ") || entry.Is("SECURITY LABEL ") || entry.Is("ACL ");

    private static bool IsForeign(ArchiveEntry entry) => entry.Is("SERVER ") || entry.Is("USER MAPPING ") || entry.Is("FOREIGN TABLE ");

    private static bool IsNeededByForeign(string leftOut) =>
        leftOut.StartsWith("extension", StringComparison.Ordinal) || leftOut.StartsWith("foreign data wrapper", StringComparison.Ordinal);

    private static string? WhyNot(ArchiveEntry entry, ClusterRights rights, IReadOnlySet<string> publicationsOfAllTables)
    {
        var name = NamedObject().Match(entry.Description).Groups[2].Value;
        return entry.Is("EXTENSION ") && name == OnlyInItsDatabase
                ? "the server creates it in the database that cron.database_name names, and in no other one"
            : entry.Is("EXTENSION ") && name.Length > 0 && !rights.Extensions.Contains(name)
                ? "this server does not have it, or only a superuser may create it"
            : rights.IsSuperuser ? null
            : OfSuperuser.Any(entry.Is) ? "only a superuser may create it"
            : entry.Is("PUBLICATION ") && publicationsOfAllTables.Contains(name)
                ? "it is for all tables, and only a superuser may create that"
            : null;
    }

    [GeneratedRegex($"^(?:{Kinds}) (.+) [^ ]*$", RegexOptions.CultureInvariant)]
    private static partial Regex Object();

    [GeneratedRegex($"^(?:COMMENT|SECURITY LABEL|ACL) (.+?) (?:{Kinds}) (.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Remark();

    // Matches the kind, a dash in place of the schema, the name, and the owner (empty for extensions).
    [GeneratedRegex("^([A-Z ]+?) - (.+) [^ ]*$", RegexOptions.CultureInvariant)]
    private static partial Regex NamedObject();

    [GeneratedRegex(
        """\b(?:TO|FROM|FOR ROLE|ALTER ROLE)\s+("(?:""|[^"])+"|[^\s;",']+)(?=\s+(?:IN|GRANT|REVOKE|WITH)\b|\s*$)""",
        RegexOptions.CultureInvariant)]
    private static partial Regex RoleNames();
}
