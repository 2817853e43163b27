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

namespace LogtoMigrateInit.Backups;

internal sealed partial class DatabaseRestore
{
    private const int ObjectsInLine = 20;

    /// <summary>Restores into a new database, and swaps it with the present one.</summary>
    // Over 40 lines: the life of the new database, with all results.
    private async Task<Outcome> RestoreAsync(
        RestoreJob job, IReadOnlyList<ServerSession> sessions, RestoreConsent consent, CancellationToken stop)
    {
        string? fresh = null;
        var made = new List<string>();
        var lost = job.Place?.Lost ?? CancellationToken.None;
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop, lost);
        try
        {
            logger.Restoring(job.Archive.Path, job.Database);
            var properties = await job.Archive.ReadStatementsAsync(job.Plan.Properties, ["--create"], held.Token);
            fresh = await copies.CreateAsync(job.Scratch, job.Archive, job.Plan, job.Contents, job.Rights, held.Token);
            await copies.FillAsync(job.Archive, fresh, job.Plan.Entries, job.Rights, section: null, held.Token);
            if (job.Record is not null && await copies.CompareRowsAsync(fresh, job.Record, job.Plan, held.Token) is { } difference)
            {
                return new Outcome.RestoreRefused(difference);
            }

            var notDone = new List<RefusedStatement>();
            var (strayed, unfit) = await CompleteAsync(job, fresh, properties, made, notDone, held.Token);
            if (unfit is not null)
            {
                return new Outcome.RestoreRefused(unfit);
            }

            var differences = await FindDifferencesAsync(job, fresh, notDone, held.Token);
            var (passwords, refused) = await AskAsync(job, fresh, differences, strayed, sessions, consent, held.Token);
            if (refused is not null)
            {
                return new Outcome.RestoreRefused(refused);
            }

            held.Token.ThrowIfCancellationRequested();
            var result = await SwapAsync(job, fresh, passwords, made, differences.Count, stop);
            fresh = result is Outcome.RestoreRefused ? fresh : null;
            return result;
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return new Outcome.RestoreRefused(
                $"{Outcome.WhyLockLost}. Next: start again");
        }
        catch (Exception failure)
            when (failure is not (OperationCanceledException or PostgresToolException) && DatabaseException.From(failure) is { } refusal)
        {
            return new Outcome.RestoreRefused($"{refusal.Message}. Next: {refusal.Remedy}");
        }
        finally
        {
            if (fresh is not null)
            {
                await job.Scratch.DropAsync(fresh, stop, made);
            }
        }
    }

    /// <summary>Completes the new database with owners, roles, rights and settings, and checks that Logto can use it.</summary>
    /// <param name="fresh">The name of the new database.</param>
    /// <param name="properties">The archive's statements about its database.</param>
    /// <param name="made">Receives the roles that this method creates.</param>
    /// <param name="notDone">Receives the statements that the server refused.</param>
    /// <returns>The roles whose passwords differ, and a reason why the restore is refused; null when it is not.</returns>
    private async Task<(IReadOnlyList<string> Strayed, string? Refused)> CompleteAsync(
        RestoreJob job,
        string fresh,
        IReadOnlyList<string> properties,
        List<string> made,
        List<RefusedStatement> notDone,
        CancellationToken stop)
    {
        await using var restored = server.DatabaseNamed(fresh);
        await using (var contents = await RestoredDatabase.OpenAsync(restored, logger, stop))
        {
            if (job.Record?.Catalog is { } catalog)
            {
                await contents.ReturnOwnersAsync(catalog.Objects, job.Rights.Assumable, stop);
            }

            await contents.AnalyzeAsync(stop);
            await contents.MakeRolesAsync(job.Parent, ScratchNames.MarkOf(fresh), made, stop);
            var isCompared = job.Record?.Catalog is not null;
            await contents.GrantAsync(job.PossibleGrants(), job.IsLogtos, RestorePlan.RolesIn, stop, isCompared);
            await contents.ApplyAsync(job.PropertiesFor(properties, fresh), stop);
            if (job.Record?.Catalog is { } recorded)
            {
                await contents.ClosePublicAsync(recorded.Objects, stop);
            }

            notDone.AddRange(contents.Refused);
        }

        if (job.Record is null && !await IsLogtosAsync(restored, stop))
        {
            return ([], "it is not a complete Logto database, as a dump without rows is not, and it has no record beside it. " +
                "Next: use another backup");
        }

        var failed = await FindFailedLoginsAsync(restored, stop);
        string[] closed =
        [
            .. failed.Where(login => login.Trouble == LoginTrouble.Right).Select(login => $"{login.Role}: {login.Reason}"),
        ];
        return closed.Length == 0
            ? ([.. failed.Where(login => login.Trouble == LoginTrouble.Password).Select(login => login.Role)], null)
            : ([], $"Logto could not work as its roles ({string.Join("; ", closed)}); let these roles log in, read and write");
    }

    /// <summary>Compares the new database with its record, and logs the differences.</summary>
    private async Task<IReadOnlyList<CatalogDifference>> FindDifferencesAsync(
        RestoreJob job, string fresh, List<RefusedStatement> notDone, CancellationToken stop)
    {
        var refused = CatalogComparison.OfRefused(notDone);
        if (job.Record?.Catalog is not { } catalog)
        {
            return [.. refused];
        }

        var rights = await ClusterQueries.ReadRightsAsync(job.Scratch.Connection, stop); // includes the roles that were just created
        var differences = await copies.CompareObjectsAsync(
            fresh, job.Record, rights.ServerVersion, new RolesHere(rights.Roles, rights.Unaffected), stop);
        if (differences.Count == 0 && notDone.Count == 0)
        {
            var isSameMajor = job.Record.ServerVersion / 10000 == rights.Major;
            logger.ObjectsAreTheSame(
                catalog.Objects.Count,
                isSameMajor ? "owners, rights and definitions" : "owners and rights (of another major: no definitions)");
        }

        foreach (var same in differences.GroupBy(each => each.What))
        {
            foreach (var some in same.Select(each => each.Object).Chunk(ObjectsInLine))
            {
                logger.DifferentAfterRestore(string.Join(", ", some), same.Key);
            }
        }

        return [.. differences, .. refused];
    }

    /// <summary>Asks the operator to accept changes of access, to confirm the restore, and to change passwords.</summary>
    /// <returns>The passwords to set, and a reason why the restore is refused; null when it is not.</returns>
    private async Task<(IReadOnlyList<(string Role, string Password)> Passwords, string? Refused)> AskAsync(
        RestoreJob job,
        string fresh,
        IReadOnlyList<CatalogDifference> differences,
        IReadOnlyList<string> strayed,
        IReadOnlyList<ServerSession> sessions,
        RestoreConsent consent,
        CancellationToken stop)
    {
        CatalogDifference[] access = [.. differences.Where(each => each.Access is { } kind && !consent.Accepted.Contains(kind))];
        string[] kinds = [.. access.Select(each => each.Access!).Distinct()];
        var change = $"This restore changes who has access ({string.Join(", ", kinds)}; see above). Accept that?";
        if (access.Length > 0 && !consent.Accepts(change))
        {
            var all = string.Join(',', kinds.Union(consent.Accepted));
            return ([], $"it would change who has access to what " +
                $"({string.Join("; ", access.Take(Few).Select(each => $"{each.Object} {each.What}"))}; " +
                "the warnings above have all). Next: if you accept that, run " +
                $"`{BackupResult.RestoreCommandFor(job.Archive.Path)} --yes --accept={all}`");
        }

        if (!consent.Confirms(Question(job.Present)))
        {
            return ([], WhyUnconfirmed(sessions));
        }

        await using var restored = server.DatabaseNamed(fresh);
        var roles = string.Join(", ", strayed);
        return strayed.Count == 0 ? ([], null)
            : consent.Confirms($"The roles {roles} have other passwords than this backup. " +
                "Give them those of the backup, also for any other database that uses them?")
                ? (await restored.WithConnectionAsync(
                    (connection, token) => RestoredDatabase.ReadPasswordsAsync(connection, strayed, token), stop), null)
            : ([], $"the roles {roles} have other passwords than this backup, and Logto could not log in. " +
                "Next: add --yes, which changes them");
    }

    private async Task<bool> IsLogtosAsync(LogtoDatabase restored, CancellationToken stop)
    {
        var inspection = await InspectAsync(restored, stop);
        return MigrationPlan.Decide(catalog, inspection) is not (Verdict.Empty or Verdict.Foreign or Verdict.Damaged);
    }

    /// <summary>Returns the roles of <c>default</c> and <c>admin</c> as which core cannot work.</summary>
    private Task<IReadOnlyList<FailedLogin>> FindFailedLoginsAsync(LogtoDatabase restored, CancellationToken stop) =>
        new TenantLogins(restored, catalog.Requirements.Tables, logger).TryAsync(serverIsReadOnly: false, stop);

    /// <summary>Puts the new database in the place of the present one and sets the passwords, in one transaction.</summary>
    private async Task<Outcome> SwapAsync(
        RestoreJob job,
        string fresh,
        IReadOnlyList<(string Role, string Password)> passwords,
        IReadOnlyList<string> made,
        int differences,
        CancellationToken stop)
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
            async renamer =>
            {
                await RestoredDatabase.SetPasswordsAsync(renamer, passwords, stop);
                await RestoredDatabase.KeepRolesAsync(renamer, made, stop);
            },
            stop);
        return result switch
        {
            SwapResult.InUse inUse => new Outcome.RestoreRefused(WhyInUse(inUse.Sessions)),
            SwapResult.Unknown unknown => new Outcome.RestoreUnknown(job.Database, fresh, former, unknown.Reason),
            _ when await WhyUnusableAsync(stop) is { } unusable => new Outcome.RestoredUnusable(job.Database, former, unusable),
            _ => new Outcome.Restored(
                job.Database, former, await DescribeAsync(stop), Remark(job.Record, differences + job.Plan.LeftOut.Count)),
        };
    }

    /// <summary>
    /// Returns a sentence for the final message about facts that were not compared or that differ; empty when there are none.
    /// </summary>
    internal static string Remark(BackupRecord? record, int differences) =>
        record is null ? " It has no record, so its rows, owners and rights were not compared."
        : record.Catalog is null ? " Its rows were compared. Its owners and rights were not, because its record does not have them."
        : differences > 0
            ? " Some objects are left out or differ from the backup: see the warnings above."
            : "";

    /// <summary>Logs in as Logto's roles again after the swap, when the database has its final name.</summary>
    /// <returns>Null when all logins succeed, or when the database does not answer.</returns>
    private async Task<string?> WhyUnusableAsync(CancellationToken stop)
    {
        try
        {
            var failed = await FindFailedLoginsAsync(database, stop);
            return failed.Count == 0 ? null : DescribeFailed(failed);
        }
        catch (Exception unseen) when (unseen is OperationCanceledException || DatabaseException.From(unseen) is not null)
        {
            return null;
        }
    }

    /// <summary>Returns which logins failed, and why: a clause.</summary>
    public static string DescribeFailed(IReadOnlyList<FailedLogin> failed) =>
        string.Join("; ", failed.Select(login => $"{login.Role}: {login.Reason}"));

    private string WhyInUse(IReadOnlyList<ServerSession> sessions) => sessions.Count == 0
        ? $"the database '{settings.Main.Database}' is in use by what this user is not shown, such as a prepared transaction " +
            "(`select * from pg_prepared_xacts`), or by a session that has ended since. Next: end it, then start again. " +
            "If a running Logto lost its sessions, restart it"
        : $"the database '{settings.Main.Database}' is in use by sessions that could not be ended " +
            $"({string.Join("; ", sessions.Take(Few))}). Next: stop what they belong to, then start again. " +
                "If a running Logto lost its sessions, restart it";

    /// <summary>Compares the restored database with this image. A failure is only reported, because the swap is done.</summary>
    private async Task<string> DescribeAsync(CancellationToken stop)
    {
        try
        {
            return Describe(MigrationPlan.Decide(catalog, await InspectAsync(database, stop)), catalog, settings);
        }
        catch (Exception unseen) when (unseen is OperationCanceledException || DatabaseException.From(unseen) is not null)
        {
            return $"It could not be inspected ({unseen.Message.TrimEnd('.')}). Next: run `logto-migrate-init check`.";
        }
    }

    internal static string Describe(Verdict verdict, AlterationCatalog catalog, ProgramSettings settings) => verdict switch
    {
        Verdict.Matching matching => $"It matches Logto {catalog.TargetVersion} (state {matching.State}). Next: start Logto.",
        Verdict.Pending pending =>
            $"Its state is {pending.State}, and {Counted.Are(pending.Alterations.Count, "alteration")} pending for Logto " +
            $"{catalog.TargetVersion}. Next: start the image of Logto that the backup was made with, or run `logto-migrate-init migrate`.",
        Verdict.Ahead ahead =>
            $"Its state {ahead.State} is newer than Logto {catalog.TargetVersion}. Next: start the image that the backup was made with.",
        _ => $"As at the time of the backup: {Outcome.Of(verdict, catalog, settings).Message}",
    };

    private Task<Inspection> InspectAsync(LogtoDatabase inspected, CancellationToken stop) => inspected.WithConnectionAsync(
        (connection, token) => InspectionQuery.ReadAsync(connection, catalog.Requirements.Tables, token), stop);
}
