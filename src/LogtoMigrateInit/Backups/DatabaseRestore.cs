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
/// Puts a backup in the database's place and keeps the old one: examine → report and ask → new database → compare → roles and
/// rights → swap. Nothing of the operator's changes before the swap. A killed run leaves a scratch database, which the next run removes.
/// </summary>
internal sealed class DatabaseRestore(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, DirectServer server, ScratchCopies copies, ILogger logger)
{
    private const int Few = 3;

    /// <param name="file">A dump in custom format.</param>
    /// <param name="confirm">Asks the operator the question that it gets. The log has all facts for the answer by then.</param>
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
                ? new Outcome.RestoreRefused(
                    "another run restores or verifies a backup of this database just now; start again when it has ended")
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
        catch (Exception exception)
            when (exception is not (OperationCanceledException or DatabaseException) && DatabaseException.From(exception) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}; {refusal.Remedy}");
        }
    }

    /// <summary>The path of a file. A name without a folder may also be a file in the backup folder.</summary>
    private string Locate(string file) =>
        !file.Contains('/', StringComparison.Ordinal) && !File.Exists(file) && settings.BackupDirectory is { } folder
            ? Path.Combine(folder, file)
            : Path.GetFullPath(file);

    private async Task<Outcome> RunAsync(
        Archive archive,
        ArchiveContents contents,
        BackupRecord? record,
        ScratchServer scratch,
        Func<string, bool> confirm,
        CancellationToken stop)
    {
        if (scratch.WhyUnusable is { } pooler)
        {
            return new Outcome.RestoreRefused(pooler);
        }

        var name = settings.Main.Database;
        var rights = await ClusterQueries.ReadRightsAsync(scratch.Connection, stop);
        var present = await ClusterQueries.FindDatabaseAsync(scratch.Connection, name, stop);
        if (WhyNotAllowed(rights, present) is { } forbidden)
        {
            return new Outcome.RestoreRefused(forbidden);
        }

        await using var place = present is { LetsIn: true }
            ? await DatabaseToReplace.OpenAsync(server, settings.Timings, logger, stop)
            : null;
        if (place?.LockHolder is { } holder)
        {
            return new Outcome.RestoreRefused($"another run works on this database: {holder}; wait until it has ended");
        }

        var plan = await ScratchCopies.PlanAsync(archive, contents, rights, stop);
        var job = new RestoreJob
        {
            Archive = archive,
            Contents = contents,
            Record = record,
            Scratch = scratch,
            Rights = rights,
            Database = name,
            Present = present,
            Place = place,
            Plan = plan,
            Grants = await archive.ReadStatementsAsync(plan.Grants, [], stop),
        };
        var ours = place is null ? Array.Empty<int>() : [place.Pid];
        var sessions = present is null ? [] : await ClusterQueries.FindSessionsAsync(scratch.Connection, name, ours, stop);
        await ReportAsync(job, sessions, stop);
        return confirm(Question(present))
            ? await RestoreAsync(job, confirm, stop)
            : new Outcome.RestoreRefused(WhyUnconfirmed(sessions));
    }

    private string? WhyNotAllowed(ClusterRights rights, CatalogDatabase? present)
    {
        var me = SqlNames.Quote(rights.User);
        if (server.Target.User != settings.Main.User)
        {
            return $"LOGTO_INIT_DIRECT_URL logs in as '{server.Target.User}' and DB_URL as '{settings.Main.User}': " +
                "what is restored would not belong to Logto's user; name the same user in both";
        }

        if (!rights.MayCreateDatabases)
        {
            return $"user '{rights.User}' may not create databases, which a restore does; " +
                $"run `alter role {me} createdb` as a superuser";
        }

        return present is { IsOwn: false }
            ? $"user '{rights.User}' does not own the database '{settings.Main.Database}' and cannot rename it; " +
                $"run `alter database {SqlNames.Quote(settings.Main.Database)} owner to {me}` as a superuser"
            : null;
    }

    /// <summary>Logs everything that the operator needs for the answer.</summary>
    private async Task ReportAsync(RestoreJob job, IReadOnlyList<ServerSession> sessions, CancellationToken stop)
    {
        if (job.Record is { } record)
        {
            var age = DateTime.UtcNow - record.TakenAt;
            logger.BackupIs(record.TakenAt, age.TotalHours, $"{record.State}", record.Rows, record.Tables.Count);
            Report(job.Place is null ? null : await job.Place.ReadNewerAsync(record.TakenAt, stop));
        }

        if (!job.Rights.Roles.Contains(job.Parent))
        {
            logger.RolesWillBeMade(job.Parent);
        }

        if (job.Plan.LeftOut.Count > 0)
        {
            logger.LeftOut(string.Join(", ", job.Plan.LeftOut));
        }

        if (job.MissingRoles is { Count: > 0 } missing)
        {
            logger.MissingGrantees(string.Join(", ", missing));
        }

        foreach (var session in sessions)
        {
            logger.SessionInTheWay($"{session}");
        }
    }

    private void Report(NewerRows? newer)
    {
        if (newer is { Users: 0, SignIns: 0 })
        {
            logger.NothingNewer();
        }
        else if (newer is not null)
        {
            var latest = newer.Latest?.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture) ?? "none";
            logger.NewerThanBackup(newer.Users, newer.SignIns, latest);
        }
    }

    private string Question(CatalogDatabase? present) => present is null
        ? $"Restore the database '{settings.Main.Database}', which is not there now?"
        : $"Put this backup in the place of the database '{settings.Main.Database}', and keep the present one under another name?";

    private static string WhyUnconfirmed(IReadOnlyList<ServerSession> sessions)
    {
        if (sessions.Count == 0)
        {
            return "it was not confirmed; look at what is said above, and add --yes, or answer y at a terminal";
        }

        var verb = sessions.Count == 1 ? "session is" : "sessions are";
        var more = sessions.Count > Few ? "; …" : "";
        return $"it was not confirmed, and {sessions.Count} {verb} in the way ({string.Join("; ", sessions.Take(Few))}{more}); " +
            "stop Logto, or confirm with --yes (or y at a terminal), which ends them";
    }

    private async Task<Outcome> RestoreAsync(RestoreJob job, Func<string, bool> confirm, CancellationToken stop)
    {
        string? fresh = null;
        try
        {
            logger.Restoring(job.Archive.Path, job.Database);
            var properties = await job.Archive.ReadStatementsAsync(job.Plan.Properties, ["--create"], stop);
            fresh = await copies.CreateAsync(job.Scratch, job.Archive, job.Plan, job.Contents, job.Rights, stop);
            await copies.FillAsync(job.Archive, fresh, job.Plan.Entries, job.Rights, section: null, stop);
            if (job.Record is not null && await copies.CompareAsync(fresh, job.Record, stop) is { } difference)
            {
                return new Outcome.RestoreRefused(difference);
            }

            var (strayed, refused) = await CompleteAsync(job, fresh, properties, confirm, stop);
            if (refused is not null)
            {
                return new Outcome.RestoreRefused(refused);
            }

            var result = await SwapAsync(job, fresh, strayed, stop);
            fresh = result is Outcome.Restored or Outcome.RestoreUnknown ? null : fresh;
            return result;
        }
        catch (Exception failure)
            when (failure is not (OperationCanceledException or PostgresToolException) && DatabaseException.From(failure) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}; {refusal.Remedy}");
        }
        finally
        {
            if (fresh is not null)
            {
                await job.Scratch.DropAsync(fresh, stop);
            }
        }
    }

    /// <summary>Gives the new database what a dump does not restore, and checks it.</summary>
    /// <returns>The roles whose passwords differ from the backup's, and why the database cannot be used; null when it can.</returns>
    private async Task<(IReadOnlyList<string> Strayed, string? Refused)> CompleteAsync(
        RestoreJob job, string fresh, IReadOnlyList<string> properties, Func<string, bool> confirm, CancellationToken stop)
    {
        await using var restored = server.DatabaseNamed(fresh);
        await using (var contents = await RestoredDatabase.OpenAsync(restored, logger, stop))
        {
            await contents.AnalyzeAsync(stop);
            await contents.MakeRolesAsync(job.Parent, stop);
            await contents.GrantAsync(job.PossibleGrants(), job.IsLogtos, RestorePlan.RolesIn, stop);
            await contents.ApplyAsync(job.PropertiesFor(properties, fresh), stop);
        }

        if (job.Record is null && !await IsLogtosAsync(restored, stop))
        {
            return ([], "what it holds is no whole Logto database, such as a dump without rows, " +
                "and it has no record that says the same of what was dumped");
        }

        var strayed = await FindOtherPasswordsAsync(restored, stop);
        var roles = string.Join(", ", strayed);
        var question = $"The roles {roles} have other passwords than this backup. " +
            "Give them those of the backup, also for any other database that uses them?";
        return strayed.Count == 0 || confirm(question)
            ? (strayed, null)
            : (strayed, $"the roles {roles} have other passwords than this backup, and Logto could not log in; " +
                "add --yes, which changes them");
    }

    private async Task<bool> IsLogtosAsync(LogtoDatabase restored, CancellationToken stop)
    {
        var inspection = await restored.WithConnectionAsync(InspectionQuery.ReadAsync, stop);
        return MigrationPlan.Decide(catalog, inspection) is not (Verdict.Empty or Verdict.Foreign or Verdict.Damaged);
    }

    /// <summary>The roles that cannot log in with the passwords of the restored table. Logto would answer only errors with them.</summary>
    private async Task<IReadOnlyList<string>> FindOtherPasswordsAsync(LogtoDatabase restored, CancellationToken stop)
    {
        var failed = await new TenantLogins(restored, logger).TryAsync(behindPooler: false, stop);
        return [.. failed.Where(login => login.IsPassword).Select(login => login.Role)];
    }

    private async Task<Outcome> SwapAsync(RestoreJob job, string fresh, IReadOnlyList<string> strayed, CancellationToken stop)
    {
        var ending = $"_before_{DateTime.UtcNow.ToString("yyyyMMdd't'HHmmssfff", CultureInfo.InvariantCulture)}";
        var former = job.Present is null ? null : ScratchNames.Shorten(job.Database, ending) + ending;
        await using var other = await job.Scratch.OpenAnotherAsync(stop);
        var result = await DatabaseSwap.RunAsync(
            job.Scratch.Connection,
            other,
            fresh,
            job.Database,
            former,
            () => job.Place?.LeaveAsync() ?? Task.CompletedTask,
            endSessions: true,
            stop);
        return result switch
        {
            SwapResult.InUse inUse => new Outcome.RestoreRefused(WhyInUse(inUse.Sessions)),
            SwapResult.Unknown unknown => new Outcome.RestoreUnknown(job.Database, fresh, former, unknown.Reason),
            _ => new Outcome.Restored(job.Database, former, $"{await SetPasswordsAsync(strayed, stop)}{await DescribeAsync(stop)}"),
        };
    }

    private string WhyInUse(IReadOnlyList<ServerSession> sessions) => sessions.Count == 0
        ? $"the database '{settings.Main.Database}' is in use by a prepared transaction (`select * from pg_prepared_xacts`) " +
            "or by a session that has ended since; roll it back, or do it again"
        : $"the database '{settings.Main.Database}' is in use by sessions that could not be ended " +
            $"({string.Join("; ", sessions.Take(Few))}); stop what they belong to";

    /// <summary>Sets the backup's passwords. Only after the swap: until then Logto runs on the old database with the old ones.</summary>
    /// <returns>A sentence when they could not be set; else nothing.</returns>
    private async Task<string> SetPasswordsAsync(IReadOnlyList<string> roles, CancellationToken stop)
    {
        try
        {
            if (roles.Count > 0)
            {
                await server.Database.WithWorkConnectionAsync(
                    (connection, token) => RestoredDatabase.SetPasswordsAsync(connection, roles, token), stop);
            }

            return "";
        }
        catch (Exception refusal) when (refusal is OperationCanceledException || DatabaseException.From(refusal) is not null)
        {
            return $"Its roles {string.Join(", ", roles)} still have other passwords ({refusal.Message.TrimEnd('.')}), " +
                $"and Logto cannot log in: {RoleAdvice.HowToRun} `{TenantRolesSql.SetPasswords(roles)}`. ";
        }
    }

    /// <summary>Compares the restored database with this image. The swap is done by now, so a failure is only reported.</summary>
    private async Task<string> DescribeAsync(CancellationToken stop)
    {
        try
        {
            return Describe(MigrationPlan.Decide(catalog, await database.WithConnectionAsync(InspectionQuery.ReadAsync, stop)));
        }
        catch (Exception unseen) when (unseen is OperationCanceledException || DatabaseException.From(unseen) is not null)
        {
            return $"It could not be looked at just now ({unseen.Message.TrimEnd('.')}); " +
                "`logto-migrate-init check` says what it is to this image.";
        }
    }

    private string Describe(Verdict verdict) => verdict switch
    {
        Verdict.Matching matching => $"It matches Logto {catalog.TargetVersion} (state {matching.State}), which can start.",
        Verdict.Pending pending =>
            $"Its state is {pending.State}: start the image of Logto that it was made with, " +
            $"or deploy the {pending.Alterations.Count} alterations that Logto {catalog.TargetVersion} has above it " +
            "with `logto-migrate-init migrate`.",
        Verdict.Ahead ahead =>
            $"Its state {ahead.State} is newer than Logto {catalog.TargetVersion}: start the image that it was made with.",
        _ => $"It is as it was when the backup was made: {Outcome.Of(verdict, catalog, settings).Message}",
    };
}
