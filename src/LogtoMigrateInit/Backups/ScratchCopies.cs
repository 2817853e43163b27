using System.Text.RegularExpressions;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// Restores archives into scratch databases, and compares these with the archives' records. Restores, verified backups and rehearsals
/// use it.
/// </summary>
internal sealed partial class ScratchCopies(TimeSpan lockTimeout, string sessionName, DirectServer server, ILogger logger)
{
    private const int FirstWithLocaleProviders = 15;

    private static readonly string[] OtherSteps =
    [
        "table column ", "default acl ", "setting ", "replication slot ", "subscription ", "comment schema public",
    ];

    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    /// <summary>Restores an archive, compares its rows and objects, and drops the copy.</summary>
    /// <returns>Null when the copy is equal; otherwise a clause for the operator.</returns>
    /// <exception cref="PostgresToolException">The archive cannot be restored.</exception>
    /// <exception cref="DatabaseException">The server refused the program, or was not reached in time.</exception>
    public async Task<string?> WhyDifferentAsync(Archive archive, BackupRecord record, CancellationToken stop)
    {
        await using var scratch = await ScratchServer.OpenAsync(server, lockTimeout, logger, stop);
        if (scratch is null)
        {
            return "another run uses scratch databases of this one. Next: start again when it has ended";
        }

        var rights = await ClusterQueries.ReadRightsAsync(scratch.Connection, stop);
        if (!rights.MayCreateDatabases)
        {
            return $"user '{rights.User}' may not create the scratch database that LOGTO_INIT_BACKUP_VERIFY=restore needs; " +
                $"run `alter role {SqlNames.Quote(rights.User)} createdb` as a superuser, or set it to read";
        }

        var contents = await archive.ReadContentsAsync(stop);
        var plan = await PlanAsync(archive, contents, rights, stop, record);
        logger.VerifyingByRestore(archive.Path);
        string? name = null;
        try
        {
            name = await CreateAsync(scratch, archive, plan, contents, rights, stop);
            ArchiveEntry[] entries = [.. plan.Entries.Where(entry => !entry.Is("SUBSCRIPTION "))];
            await FillAsync(archive, name, entries, rights, section: null, stop);
            return await CompareRowsAsync(name, record, plan, stop) ?? await WhyOtherObjectsAsync(name, record, plan, rights, stop);
        }
        finally
        {
            if (name is not null)
            {
                await scratch.DropAsync(name, stop);
            }
        }
    }

    /// <summary>Returns the plan for the entries of an archive.</summary>
    /// <param name="record">The record of the archive; null: none.</param>
    public static async Task<RestorePlan> PlanAsync(
        Archive archive, ArchiveContents contents, ClusterRights rights, CancellationToken stop, BackupRecord? record = null)
    {
        const string ForAllTables = " FOR ALL TABLES";
        const string Create = "CREATE PUBLICATION ";
        var publications = await archive.ReadStatementsAsync([.. contents.Entries.Where(entry => entry.Is("PUBLICATION - "))], [], stop);
        var ofAllTables = publications
            .Where(sql => sql.StartsWith(Create, StringComparison.Ordinal) && sql.Contains(ForAllTables, StringComparison.Ordinal))
            .Select(sql => sql[Create.Length..sql.IndexOf(ForAllTables, StringComparison.Ordinal)].Trim('"'))
            .ToHashSet(StringComparer.Ordinal);
        return RestorePlan.Of(contents.Entries, rights, ofAllTables, record?.Catalog?.NeedExtension);
    }

    /// <summary>
    /// Creates an empty scratch database with the encoding and the locale of the dumped one. If the server lacks that locale, it uses the
    /// server's own.
    /// </summary>
    /// <returns>The name of the database.</returns>
    public async Task<string> CreateAsync(
        ScratchServer scratch,
        Archive archive,
        RestorePlan plan,
        ArchiveContents contents,
        ClusterRights rights,
        CancellationToken stop)
    {
        var statements = await archive.ReadStatementsAsync(plan.Properties, ["--create"], stop);
        const string With = " WITH ";
        const string Usual = " with template = template0 encoding = 'UTF8'";
        var create = statements.FirstOrDefault(sql => sql.StartsWith("CREATE DATABASE ", StringComparison.Ordinal)) ?? Usual;
        var at = create.IndexOf(With, Math.Min(create.Length, contents.Database.Length), StringComparison.OrdinalIgnoreCase);
        var properties = TableSpaceOption().Replace(create[Math.Max(at, 0)..], "");
        if (rights.ServerVersion / 10000 < FirstWithLocaleProviders)
        {
            properties = properties.Replace(" LOCALE_PROVIDER = libc", "", StringComparison.Ordinal);
        }

        try
        {
            return await scratch.CreateAsync(properties, stop);
        }
        catch (Exception unknown) when (ScratchServer.IsAboutLocale(unknown))
        {
            logger.LocaleNotKnown(properties.Trim());
            return await scratch.CreateAsync(Usual, stop);
        }
    }

    /// <summary>Restores the entries, and logs from time to time that it still runs.</summary>
    /// <param name="name">The name of the scratch database.</param>
    /// <param name="entries">The entries to restore, in the order of the archive.</param>
    /// <param name="rights">The user's rights on the scratch server.</param>
    /// <param name="section">The section to restore (<see cref="Archive.RestoreAsync"/>).</param>
    public async Task FillAsync(
        Archive archive,
        string name,
        IReadOnlyList<ArchiveEntry> entries,
        ClusterRights rights,
        string? section,
        CancellationToken stop)
    {
        var restoring = archive.RestoreAsync(name, entries, rights.ServerVersion, sessionName, section, stop);
        var pace = new ReportPace();
        while (await Task.WhenAny(restoring, Task.Delay(ReportInterval, CancellationToken.None)) != restoring)
        {
            if (pace.Due() is { } elapsed)
            {
                logger.StillRestoring(elapsed.TotalSeconds);
            }
        }

        await restoring;
    }

    /// <summary>Compares the objects of a restored database with the recorded ones.</summary>
    /// <param name="name">The name of the restored database.</param>
    /// <param name="record">A record with a catalog.</param>
    /// <param name="serverVersion">The <c>server_version_num</c> of this server.</param>
    /// <param name="roles">
    /// The roles of this server (<see cref="CatalogComparison.Compare"/>); null: owners and rights are not compared.
    /// </param>
    public async Task<IReadOnlyList<CatalogDifference>> CompareObjectsAsync(
        string name, BackupRecord record, int serverVersion, RolesHere? roles, CancellationToken stop)
    {
        await using var database = server.DatabaseNamed(name);
        await using var snapshot = await ExportedSnapshot.TakeAsync(database, stop);
        var found = await snapshot.ReadCatalogAsync(stop);
        return CatalogComparison.Compare(
            record.Catalog!.Objects, found.Objects, record.ServerVersion / 10000, serverVersion / 10000, roles);
    }

    /// <returns>Null when the objects are equal, or when they cannot be compared; otherwise a clause for the operator.</returns>
    private async Task<string?> WhyOtherObjectsAsync(
        string name, BackupRecord record, RestorePlan plan, ClusterRights rights, CancellationToken stop)
    {
        if (record.Catalog is null || plan.LeftOut.Count > 0)
        {
            return null; // the log already lists the objects that are left out
        }

        string[] different =
        [
            .. (await CompareObjectsAsync(name, record, rights.ServerVersion, null, stop))
                .Where(each => !IsOfOtherStep(each))
                .Select(each => $"{each.Object} {each.What}"),
        ];
        return different.Length == 0
            ? null
            : $"the restored copy is not what was dumped: {CatalogText.List(different)}; keep the file, and please report it";
    }

    /// <summary>Whether a difference is about rights, settings or slots, which are not restored into a copy for a comparison.</summary>
    private static bool IsOfOtherStep(CatalogDifference each) =>
        each.Object == "the database" || OtherSteps.Any(kind => each.Object.StartsWith(kind, StringComparison.Ordinal));

    /// <returns>Null when the rows of all tables match the record; otherwise a clause for the operator.</returns>
    public async Task<string?> CompareRowsAsync(string name, BackupRecord record, RestorePlan plan, CancellationToken stop)
    {
        await using var database = server.DatabaseNamed(name);
        await using var snapshot = await ExportedSnapshot.TakeAsync(database, stop);
        var found = await snapshot.CountAsync(record.Tables.Any(table => table.Sum is not null), stop);
        var expected = record.Tables
            .Where(table => !plan.IsLeftOut(table.Table))
            .Select(table => Describe(table, found.FirstOrDefault(other => other.Table == table.Table)));
        var unexpected = found
            .Where(table => record.Tables.All(other => other.Table != table.Table))
            .Select(table => Describe(new TableContents(table.Table, 0, null), table));
        var different = expected.Concat(unexpected).OfType<string>().ToArray();
        if (different.Length == 0)
        {
            return null;
        }

        const int Few = 5;
        var more = different.Length > Few ? $" and {different.Length - Few} more tables" : "";
        return $"the restored copy is not what was dumped: {string.Join(", ", different.Take(Few))}{more}; " +
            "keep the file, and please report it";
    }

    /// <returns>Null when the rows match, or when the record has no count of the table.</returns>
    private static string? Describe(TableContents expected, TableContents? found) =>
        found is null ? $"{expected.Table} is missing"
        : expected.Rows is null || (expected.Rows == found.Rows && (expected.Sum is null || expected.Sum == found.Sum)) ? null
        : expected.Rows == found.Rows ? $"{expected.Table} has other rows"
        : $"{expected.Table} has {found.Rows} rows instead of {expected.Rows}";

    [GeneratedRegex(""" TABLESPACE = ("(?:""|[^"])+"|\S+)""", RegexOptions.CultureInvariant)]
    private static partial Regex TableSpaceOption();
}
