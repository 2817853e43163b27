using System.Globalization;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// Puts a backup in the database's place and keeps what was there: examine → say what it means and ask → new database → compare → roles and
/// rights → swap. Up to the swap nothing of the operator's is changed, and a killed run leaves a scratch database that the next one removes.
/// </summary>
internal sealed class DatabaseRestore(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, DirectServer server, ScratchCopies copies, ILogger logger)
{
    /// <param name="file">A dump in custom format.</param>
    /// <param name="confirm">Asks the operator; gets the question, and is only called when all is said that he needs to know.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="DatabaseException">The server refused us, or was not reached in time.</exception>
    public async Task<Outcome> RunAsync(string file, Func<string, bool> confirm, CancellationToken stop)
    {
        try
        {
            var programs = await PostgresPrograms.FindAsync(settings.PostgresPrograms, stop);
            var archive = new Archive(server.Target, programs, new PostgresTool(server.Target, logger), Locate(file));
            var offered = new BackupFile(archive, settings, catalog, logger);
            if (await offered.WhyDamagedAsync(stop) is { } damaged)
            {
                return new Outcome.RestoreRefused(damaged);
            }

            var contents = await archive.ReadContentsAsync(stop);
            if (await offered.WhyUnfitAsync(contents, stop) is { } unfit)
            {
                return new Outcome.RestoreRefused(unfit);
            }

            await using var scratch = await ScratchServer.TryOpenAsync(server, logger, stop);
            return scratch is null
                ? new Outcome.RestoreRefused("another run restores or verifies a backup of this database just now; start again when it has ended")
                : await RunAsync(archive, contents, offered.Record, scratch, confirm, stop);
        }
        catch (PostgresToolException failure)
        {
            return new Outcome.RestoreRefused(failure.Message);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return new Outcome.RestoreRefused($"{file} cannot be read: {unreadable.Message.TrimEnd('.')}");
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or DatabaseException) && DatabaseException.From(exception) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}; {refusal.Remedy}");
        }
    }

    /// <summary>A name alone may also be that of a file in the folder of backups, as an operator reads it there.</summary>
    private string Locate(string file) => !file.Contains('/', StringComparison.Ordinal) && !File.Exists(file) && settings.BackupDirectory is { } folder
        ? Path.Combine(folder, file)
        : Path.GetFullPath(file);

    private async Task<Outcome> RunAsync(Archive archive, ArchiveContents contents, BackupRecord? record, ScratchServer scratch, Func<string, bool> confirm, CancellationToken stop)
    {
        if (scratch.WhyUnusable is { } pooler)
        {
            return new Outcome.RestoreRefused(pooler);
        }

        var rights = await ClusterQueries.ReadRightsAsync(scratch.Connection, stop);
        var present = await ClusterQueries.FindDatabaseAsync(scratch.Connection, settings.Main.Database, stop);
        if (WhyNotAllowed(rights, present) is { } forbidden)
        {
            return new Outcome.RestoreRefused(forbidden);
        }

        await using var place = present is { LetsIn: true } ? await DatabaseToReplace.OpenAsync(server, settings.Timings, logger, stop) : null;
        if (place?.LockHolder is { } holder)
        {
            return new Outcome.RestoreRefused($"another run works on this database: {holder}; wait until it has ended");
        }

        var plan = await ScratchCopies.PlanAsync(archive, contents, rights, stop);
        var grants = await archive.ReadStatementsAsync(plan.Grants, [], stop);
        var parent = ParentRole(grants);
        var strangers = grants.SelectMany(RestorePlan.RolesIn).Distinct().Where(role => !rights.Roles.Contains(role) && !IsLogtos(role, parent)).ToHashSet(StringComparer.Ordinal);
        var sessions = present is null ? [] : await ClusterQueries.FindSessionsAsync(scratch.Connection, settings.Main.Database, place is null ? [] : [place.Pid], stop);
        await SayAsync(record, plan, rights, parent, strangers, sessions, place, stop);
        var question = present is null ? $"Restore the database '{settings.Main.Database}', which is not there now?" : $"Put this backup in the place of the database '{settings.Main.Database}', and keep the present one under another name?";
        if (!confirm(question))
        {
            return new Outcome.RestoreRefused(sessions.Count == 0
                ? "it was not confirmed; look at what is said above, and add --yes, or answer y at a terminal"
                : $"it was not confirmed, and {sessions.Count} {(sessions.Count == 1 ? "session is" : "sessions are")} in the way ({string.Join("; ", sessions.Take(3))}{(sessions.Count > 3 ? "; …" : "")}); stop Logto, or confirm with --yes (or y at a terminal), which ends them");
        }

        string? fresh = null;
        IReadOnlyList<string> strayed = [];
        try
        {
            logger.Restoring(archive.Path, settings.Main.Database);
            var properties = Properties(await archive.ReadStatementsAsync(plan.Properties, ["--create"], stop), strangers).ToArray();
            fresh = await copies.CreateAsync(scratch, archive, plan, contents, rights, stop);
            await copies.FillAsync(archive, fresh, plan.Entries, rights, section: null, stop);
            if (record is not null && await copies.CompareAsync(fresh, record, stop) is { } difference)
            {
                return new Outcome.RestoreRefused(difference);
            }

            await using (var restored = server.DatabaseNamed(fresh))
            {
                await using (var contentsOfNew = await RestoredDatabase.OpenAsync(restored, logger, stop))
                {
                    await contentsOfNew.AnalyzeAsync(stop);
                    await contentsOfNew.MakeRolesAsync(parent, stop);
                    await contentsOfNew.GrantAsync(grants.Where(grant => !IsAbout(grant, strangers)), role => IsLogtos(role, parent), RestorePlan.RolesIn, stop);
                    await contentsOfNew.ApplyAsync(properties.Select(statement => ForDatabase(statement, fresh)), stop);
                }

                if (record is null && MigrationPlan.Decide(catalog, await InspectAsync(restored, stop)) is Verdict.Empty or Verdict.Foreign or Verdict.Damaged)
                {
                    return new Outcome.RestoreRefused("what it holds is no whole Logto database, such as a dump without rows, and it has no record that says the same of what was dumped");
                }

                strayed = await FindOtherPasswordsAsync(restored, stop);
                if (strayed.Count > 0 && !confirm($"The roles {string.Join(", ", strayed)} have other passwords than this backup. Give them those of the backup, also for any other database that uses them?"))
                {
                    return new Outcome.RestoreRefused($"the roles {string.Join(", ", strayed)} have other passwords than this backup, and Logto could not log in; add --yes, which changes them");
                }
            }

            var result = await SwapAsync(scratch, fresh, present, place, strayed, stop);
            fresh = result is Outcome.Restored or Outcome.RestoreUnknown ? null : fresh;
            return result;
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or PostgresToolException) && DatabaseException.From(exception) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}; {refusal.Remedy}");
        }
        finally
        {
            if (fresh is not null)
            {
                await scratch.DropAsync(fresh, stop);
            }
        }
    }

    private string? WhyNotAllowed(ClusterRights rights, CatalogDatabase? present)
    {
        var me = SqlNames.Quote(rights.User);
        return server.Target.User != settings.Main.User
            ? $"LOGTO_INIT_DIRECT_URL logs in as '{server.Target.User}' and DB_URL as '{settings.Main.User}': what is restored would not belong to Logto's user; name the same user in both"
            : !rights.MayCreateDatabases
            ? $"user '{rights.User}' may not create databases, which a restore does; run `alter role {me} createdb` as a superuser"
            : present is { IsOwn: false }
                ? $"user '{rights.User}' does not own the database '{settings.Main.Database}' and cannot rename it; run `alter database {SqlNames.Quote(settings.Main.Database)} owner to {me}` as a superuser"
                : null;
    }

    /// <summary>All that the operator needs to know before the question.</summary>
    private async Task SayAsync(
        BackupRecord? record, RestorePlan plan, ClusterRights rights, string parent, HashSet<string> strangers, IReadOnlyList<ServerSession> sessions, DatabaseToReplace? place,
        CancellationToken stop)
    {
        if (record is not null)
        {
            logger.BackupIs(record.TakenAt, (DateTime.UtcNow - record.TakenAt).TotalHours, $"{record.State}", record.Rows, record.Tables.Count);
            var newer = place is null ? null : await place.ReadNewerAsync(record.TakenAt, stop);
            if (newer is { Users: 0, SignIns: 0 })
            {
                logger.NothingNewer();
            }
            else if (newer is not null)
            {
                logger.NewerThanBackup(newer.Users, newer.SignIns, newer.Latest?.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture) ?? "none");
            }
        }

        if (!rights.Roles.Contains(parent))
        {
            logger.RolesWillBeMade(parent);
        }

        if (plan.LeftOut.Count > 0)
        {
            logger.LeftOut(string.Join(", ", plan.LeftOut));
        }

        if (strangers.Count > 0)
        {
            logger.MissingGrantees(string.Join(", ", strangers));
        }

        foreach (var session in sessions)
        {
            logger.SessionInTheWay($"{session}");
        }
    }

    private async Task<Outcome> SwapAsync(
        ScratchServer scratch, string fresh, CatalogDatabase? present, DatabaseToReplace? place, IReadOnlyList<string> strayed, CancellationToken stop)
    {
        var ending = $"_before_{DateTime.UtcNow.ToString("yyyyMMdd't'HHmmssfff", CultureInfo.InvariantCulture)}";
        var former = present is null ? null : ScratchNames.Shorten(settings.Main.Database, ending) + ending;
        await using var other = await scratch.OpenAnotherAsync(stop);
        var result = await DatabaseSwap.RunAsync(
            scratch.Connection, other, fresh, settings.Main.Database, former, () => place?.LeaveAsync() ?? Task.CompletedTask, endSessions: true, stop);
        switch (result)
        {
            case SwapResult.InUse inUse:
                return new Outcome.RestoreRefused(inUse.Sessions.Count == 0
                    ? $"the database '{settings.Main.Database}' is in use by a prepared transaction (`select * from pg_prepared_xacts`) or by a session that has ended since; roll it back, or do it again"
                    : $"the database '{settings.Main.Database}' is in use by sessions that could not be ended ({string.Join("; ", inUse.Sessions.Take(3))}); stop what they belong to");
            case SwapResult.Unknown unknown:
                return new Outcome.RestoreUnknown(settings.Main.Database, fresh, former, unknown.Reason);
            default:
                return new Outcome.Restored(settings.Main.Database, former, $"{await SetPasswordsAsync(strayed, stop)}{await DescribeAsync(stop)}");
        }
    }

    /// <summary>What the restored database is to this image; from here on it is in its place, whatever else happens.</summary>
    private async Task<string> DescribeAsync(CancellationToken stop)
    {
        try
        {
            return Describe(MigrationPlan.Decide(catalog, await InspectAsync(database, stop)));
        }
        catch (Exception unseen) when (unseen is OperationCanceledException || DatabaseException.From(unseen) is not null)
        {
            return $"It could not be looked at just now ({unseen.Message.TrimEnd('.')}); `logto-migrate-init check` says what it is to this image.";
        }
    }

    private Task<Inspection> InspectAsync(LogtoDatabase inspected, CancellationToken stop) => inspected.WithConnectionAsync(
        (connection, token) => InspectionQuery.ReadAsync(connection, catalog.Requirements.Tables, token), stop);

    private string Describe(Verdict verdict) => verdict switch
    {
        Verdict.Matching matching => $"It matches Logto {catalog.TargetVersion} (state {matching.State}), which can start.",
        Verdict.Pending pending => $"Its state is {pending.State}: start the image of Logto that it was made with, or deploy the {pending.Alterations.Count} alterations that Logto {catalog.TargetVersion} has above it with `logto-migrate-init migrate`.",
        Verdict.Ahead ahead => $"Its state {ahead.State} is newer than Logto {catalog.TargetVersion}: start the image that it was made with.",
        _ => $"It is as it was when the backup was made: {Outcome.Of(verdict, catalog, settings).Message}",
    };

    /// <summary>The settings and rights of the database that was dumped, without how it was made and whose it is.</summary>
    private static IEnumerable<string> Properties(IReadOnlyList<string> statements, HashSet<string> strangers) =>
        from statement in statements
        let owner = statement.StartsWith("ALTER DATABASE ", StringComparison.Ordinal) && statement.Contains(" OWNER TO ", StringComparison.Ordinal)
        where !owner && !statement.StartsWith("CREATE DATABASE ", StringComparison.Ordinal) && !IsAbout(statement, strangers)
        select statement;

    /// <summary>A statement about the database that was dumped, for one of this name; PostgreSQL quotes names only where it must.</summary>
    private string ForDatabase(string statement, string name) =>
        RestorePlan.Rename(RestorePlan.Rename(statement, settings.Main.Database, SqlNames.Quote(name)), SqlNames.Quote(settings.Main.Database), SqlNames.Quote(name));

    private static bool IsAbout(string statement, HashSet<string> roles) => RestorePlan.RolesIn(statement).Any(roles.Contains);

    /// <summary>The roles of the cluster may have other passwords than the restored table says; Logto would then answer nothing but errors.</summary>
    private async Task<IReadOnlyList<string>> FindOtherPasswordsAsync(LogtoDatabase restored, CancellationToken stop) =>
        [.. (await new TenantLogins(restored, catalog.Requirements.Tables, logger).TryAsync(serverIsReadOnly: false, stop))
            .Where(login => login.Trouble == LoginTrouble.Password).Select(login => login.Role)];

    /// <summary>Only now: up to the swap the Logto that runs on the old database logs in with the old ones.</summary>
    /// <returns>A sentence when they could not be set; else nothing.</returns>
    private async Task<string> SetPasswordsAsync(IReadOnlyList<string> roles, CancellationToken stop)
    {
        try
        {
            if (roles.Count > 0)
            {
                await server.Database.WithConnectionAsync((connection, token) => RestoredDatabase.SetPasswordsAsync(connection, roles, token), stop);
            }

            return "";
        }
        catch (Exception refusal) when (refusal is OperationCanceledException || DatabaseException.From(refusal) is not null)
        {
            return $"Its roles {string.Join(", ", roles)} still have other passwords ({refusal.Message.TrimEnd('.')}), and Logto cannot log in: {TenantRolesSql.HowToRun} `{TenantRolesSql.SetPasswords(roles)}`. ";
        }
    }

    /// <summary>
    /// The role that all tenants' roles are members of, and that the tables are granted to. Mostly <c>logto_tenant_</c> and the database's name with
    /// underscores for hyphens; a copy under another name, or one seeded by an older Logto, has another.
    /// </summary>
    private string ParentRole(IReadOnlyList<string> grants)
    {
        return grants.SelectMany(RestorePlan.RolesIn)
            .Where(role => role.StartsWith(LogtoNames.RolePrefix, StringComparison.Ordinal))
            .GroupBy(role => role)
            .MaxBy(grantee => grantee.Count())?.Key ?? LogtoNames.RolePrefix + settings.Main.Database.Replace('-', '_');
    }

    private static bool IsLogtos(string role, string parent) => role == parent || role.StartsWith($"{parent}_", StringComparison.Ordinal);
}
