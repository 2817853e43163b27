using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>
/// The work of <c>restore</c>: puts a backup in the place of the database, and keeps the old database. Steps: examine → report → restore
/// into a new database → add roles and rights → compare → ask → swap. No object of the operator's changes before the swap. A killed run
/// leaves a scratch database and roles with its mark, which the next run removes.
/// </summary>
internal sealed partial class DatabaseRestore(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, DirectServer server, ScratchCopies copies, ILogger logger)
{
    private const int Few = 3;

    /// <summary>
    /// The number of looks for sessions. Together they take five seconds, as long as PostgreSQL waits for sessions in a rename.
    /// </summary>
    private const int Tries = 10;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <param name="file">The path of a dump in custom format, or its name in the backup folder.</param>
    /// <param name="consent">Asked once the log has all facts for the answer.</param>
    /// <exception cref="DatabaseException">The server refused the program, or was not reached in time.</exception>
    public async Task<Outcome> RunAsync(string file, RestoreConsent consent, CancellationToken stop)
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
                    "another run restores or verifies a backup of this database now. Next: start again when it has ended")
                : await RunAsync(archive, contents, offered.Record, scratch, consent, stop);
        }
        catch (PostgresToolException failure)
        {
            return new Outcome.RestoreRefused(failure.Message);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return new Outcome.RestoreRefused($"{file} cannot be read: {unreadable.Message.TrimEnd('.')}. {BackupFile.ListsThem}");
        }
        catch (Exception exception)
            when (exception is not (OperationCanceledException or DatabaseException) && DatabaseException.From(exception) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}. Next: {refusal.Remedy}");
        }
    }

    /// <summary>
    /// Returns the path of a file. A name without a folder is first looked for in the working folder, then in the backup folder.
    /// </summary>
    private string Locate(string file) =>
        !file.Contains('/', StringComparison.Ordinal) && !File.Exists(file) && settings.BackupDirectory is { } folder
            ? Path.Combine(folder, file)
            : Path.GetFullPath(file);

    // Over 40 lines: the steps of a restore, in order.
    private async Task<Outcome> RunAsync(
        Archive archive,
        ArchiveContents contents,
        BackupRecord? record,
        ScratchServer scratch,
        RestoreConsent consent,
        CancellationToken stop)
    {
        if (scratch.WhyUnusable is { } pooler)
        {
            return new Outcome.RestoreRefused(pooler);
        }

        var name = settings.Main.Database;
        var rights = await ClusterQueries.ReadRightsAsync(scratch.Connection, stop);
        var present = await ClusterQueries.FindDatabaseAsync(scratch.Connection, name, stop);
        if (WhyNotAllowed(rights, present, record?.Catalog is not null) is { } forbidden)
        {
            return new Outcome.RestoreRefused(forbidden);
        }

        await using var place = present is { LetsIn: true }
            ? await DatabaseToReplace.OpenAsync(server, settings.Timings, logger, stop)
            : null;
        if (place?.LockHolder is { } holder)
        {
            return new Outcome.RestoreRefused($"another run is active in this database: {holder}. Next: start again when it has ended");
        }

        var plan = await ScratchCopies.PlanAsync(archive, contents, rights, stop, record);
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
        if (!rights.MayCreateRoles && !rights.Roles.Contains(job.Parent))
        {
            return new Outcome.RestoreRefused(
                $"the role '{job.Parent}' and those of Logto's tenants are not there, and user '{rights.User}' may not create roles; " +
                $"run `alter role {SqlNames.Quote(rights.User)} createrole` as a superuser");
        }

        if (await WhyPasswordsStayAsync(job, stop) is { } kept)
        {
            return new Outcome.RestoreRefused(kept);
        }

        var ours = place is null ? Array.Empty<int>() : [place.Pid];
        var sessions = present is null ? [] : await ClusterQueries.FindSessionsAsync(scratch.Connection, name, ours, stop);
        await ReportAsync(job, sessions, stop);
        if (!consent.IsConfirmed && !consent.MayAsk)
        {
            return new Outcome.RestoreRefused(WhyUnconfirmed(sessions));
        }

        return present is not null && await WhyInUseAsync(scratch, name, stop) is { } inUse
            ? new Outcome.RestoreRefused(inUse)
            : await RestoreAsync(job, sessions, consent, stop);
    }

    /// <summary>
    /// Finds roles whose password differs from the dump's and that this user may not change. This happens before the copy, to fail early.
    /// It reads the dump only if roles exist that this user may not change.
    /// </summary>
    private async Task<string?> WhyPasswordsStayAsync(RestoreJob job, CancellationToken stop)
    {
        var kept = await ClusterQueries.FindFixedRolesAsync(job.Scratch.Connection, job.Parent, stop);
        if (kept.Count == 0)
        {
            return null;
        }

        var dumped = DumpedPasswords.Of(await job.Archive.ReadRowsAsync("tenants", stop));
        await using var maintenance = server.DatabaseNamed(job.Scratch.Connection.Database);
        foreach (var (role, password) in dumped.Where(each => kept.Contains(each.Role)))
        {
            try
            {
                await maintenance.WithConnectionAsync(role, password, (_, _) => Task.FromResult(true), stop);
            }
            catch (DatabaseException refusal)
                when (refusal.InnerException is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword })
            {
                return $"the role {role} has another password than this backup, and user '{job.Rights.User}' may not change it. " +
                    "Next: restore as a superuser, or as who made this role";
            }
            catch (DatabaseException)
            {
                // The server checks the password before all other reasons to refuse. The logins after the copy will find those.
            }
        }

        return null;
    }

    /// <summary>
    /// Finds sessions and prepared transactions that would stop the swap. This happens before the copy, to fail early. A short session gets
    /// five seconds to end.
    /// </summary>
    private static async Task<string?> WhyInUseAsync(ScratchServer scratch, string name, CancellationToken stop)
    {
        for (var look = 1; ; look++)
        {
            var unendable = await ClusterQueries.FindUnendableAsync(scratch.Connection, name, stop);
            if (unendable.Count == 0)
            {
                return null;
            }

            if (look == Tries)
            {
                return $"the database '{name}' is in use, and this user cannot end that ({string.Join("; ", unendable.Take(Few))}). " +
                    "Next: end it, then start again";
            }

            await Task.Delay(BetweenLooks, stop);
        }
    }

    /// <param name="rights">The rights of the user who restores.</param>
    /// <param name="present">The database to replace; null when it is missing.</param>
    /// <param name="comparesOwners">Whether the comparison will find changed owners.</param>
    private string? WhyNotAllowed(ClusterRights rights, CatalogDatabase? present, bool comparesOwners)
    {
        var me = SqlNames.Quote(rights.User);
        if (!comparesOwners && server.Target.User != settings.Main.User)
        {
            return $"LOGTO_INIT_DIRECT_URL logs in as '{server.Target.User}' and DB_URL as '{settings.Main.User}': " +
                "the restored database would not belong to Logto's user. Next: name the same user in both";
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

    /// <summary>Logs the facts that the operator needs to confirm the restore.</summary>
    private async Task ReportAsync(RestoreJob job, IReadOnlyList<ServerSession> sessions, CancellationToken stop)
    {
        if (job.Record is { } record)
        {
            logger.BackupIs(
                record.TakenAt,
                record.Age(DateTime.UtcNow),
                record.State?.ToString() ?? "unknown",
                record.Rows,
                record.Tables.Count);
            Report(job.Place is null ? null : await job.Place.ReadNewerAsync(record.TakenAt, stop));
        }

        if (job.Record is { Catalog: null })
        {
            logger.NoCatalog();
        }

        if (job.Present is not null)
        {
            logger.LogtoStopsWithSwap();
        }

        if (!job.Rights.Roles.Contains(job.Parent))
        {
            logger.RolesWillBeMade(job.Parent);
        }

        if (job.Plan.LeftOut.Count > 0)
        {
            logger.LeftOut(CatalogText.List(job.Plan.LeftOut), job.Archive.Path);
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
            var latest = newer.Latest is { } moment ? $"{moment} UTC" : "none";
            logger.NewerThanBackup(newer.Users, newer.SignIns, latest);
        }
    }

    private string Question(CatalogDatabase? present) => present is null
        ? $"Restore the database '{settings.Main.Database}', which is not there now?"
        : $"Put this backup in the place of the database '{settings.Main.Database}', and keep the present one under another name?";

    internal static string WhyUnconfirmed(IReadOnlyList<ServerSession> sessions)
    {
        if (sessions.Count == 0)
        {
            return "it was not confirmed. Next: read the log above, then add --yes, or answer y at a terminal";
        }

        var more = sessions.Count > Few ? "; …" : "";
        return $"it was not confirmed, and {Counted.Are(sessions.Count, "other session")} connected " +
            $"({string.Join("; ", sessions.Take(Few))}{more}). Next: stop Logto, or confirm with --yes (or y at a terminal), which " +
            "ends them";
    }
}
