using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Repair;

/// <summary>The result of one inspection for a repair.</summary>
internal sealed record RepairSurvey
{
    public required Inspection Inspection { get; init; }

    public required AlterationState State { get; init; }

    /// <summary>The pending alterations. If there are any, the schema is not compared.</summary>
    public required IReadOnlyList<Alteration> Pending { get; init; }

    /// <summary>The faults, in the order in which they must be repaired.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Clauses: why Logto would refuse to start, or start and fail.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Why the schema could not be compared; null: it was compared, or alterations are pending.</summary>
    public required string? NotCompared { get; init; }

    /// <summary>The number of objects that were compared.</summary>
    public required int Compared { get; init; }
}

/// <summary>Makes the inspection of <c>check --deep --drift</c>, and finds the SQL for each fault.</summary>
internal sealed class RepairInspection(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, DriftCheck drift,
    TenantLogins logins)
{
    /// <returns>Null when this command may have work; otherwise the outcome.</returns>
    public Outcome? Settle(Verdict verdict) => verdict switch
    {
        Verdict.Ahead ahead => OfAhead(ahead.State, catalog),
        Verdict.Matching or Verdict.Pending => null,
        Verdict.Failing failing => failing.State.Timestamp > catalog.Last.Timestamp ? OfAhead(failing.State, catalog) : null,
        Verdict.Unstartable open => open.State.Timestamp > catalog.Last.Timestamp ? OfAhead(open.State, catalog) : null,
        _ => Outcome.Of(verdict, catalog, settings),
    };

    /// <returns>Either a survey or an outcome; the other is null.</returns>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    // Over 40 lines: all readings in order, and the findings from them.
    public async Task<(RepairSurvey? Survey, Outcome? Outcome)> ReadAsync(CancellationToken whileLocked)
    {
        var inspection = await watched.ReadAsync(whileLocked);
        var verdict = MigrationPlan.Decide(catalog, inspection);
        if ((Settle(verdict) ?? WhyUnreadable(inspection, verdict)) is { } outcome)
        {
            return (null, outcome);
        }

        var state = inspection.State!; // all remaining verdicts have a state
        var pending = catalog.PendingAfter(state);
        var compared = pending.Count > 0 ? null : await drift.RunAsync(whileLocked);
        var report = (compared as DriftResult.Compared)?.Report;
        var parents = pending.Count > 0 ? PreflightsParents(inspection) : [await drift.ReadParentAsync(whileLocked)];
        var facts = await database.WithWorkConnectionAsync(
            (connection, token) => RoleQuery.ReadAsync(connection, parents, catalog.Requirements.Tables, token), whileLocked);
        Finding[] found =
        [
            .. RoleFindings.Of(facts, inspection, withTables: report is null),
            .. SchemaFindings.Of(report, inspection),
            .. RoleFindings.OfSettings(inspection),
            .. catalog.Requirements.KeysHaveStatus ? SchemaFindings.OfKeys(inspection.Start?.Keys) : [],
        ];
        string[] unusable =
        [
            .. facts.Logins.Where(login => !login.CanWork).Select(login => login.Name),
            .. (inspection.Start?.Tenants ?? []).Where(tenant => tenant.Setting is not null).Select(tenant => tenant.Role!),
        ];
        var failed = await logins.FindFailedAsync(inspection.ReadOnly, unusable, whileLocked);
        var byLogin = failed.Select(login => RoleFindings.OfLogin(login, inspection));
        string[] problems = [.. ProblemsOf(verdict)];
        return (
            new RepairSurvey
            {
                Inspection = inspection,
                State = state,
                Pending = pending,
                // Indexes come last, because they may take long.
                Findings = [.. found.Concat(byLogin).OrderBy(finding => finding.IsConcurrent)],
                Problems =
                [
                    .. problems,
                    .. from login in failed
                       where login.IsNeeded && !problems.Any(problem => problem.Contains($"'{login.Role}'", StringComparison.Ordinal))
                       select $"as '{login.Role}': {login.Reason}",
                ],
                NotCompared = (compared as DriftResult.Impossible)?.Reason,
                Compared = report?.Compared ?? 0,
            },
            null);
    }

    /// <summary>Returns why a database that is ahead is not repaired.</summary>
    public static Outcome.RepairRefused OfAhead(AlterationState state, AlterationCatalog catalog) => new(
        $"the database (state {state}) is newer than Logto {catalog.TargetVersion}. Next: run `repair` in the image of the newer Logto");

    /// <summary>Returns an outcome if the roles cannot be inspected, or if the server accepts no writes.</summary>
    private Outcome? WhyUnreadable(Inspection inspection, Verdict verdict) =>
        inspection.TenantsRefusal is { } refusal ? new Outcome.TenantsHidden(settings, inspection.State!, refusal)
        : inspection.Start is null || inspection.Schema == "pg_catalog" ? Outcome.Of(verdict, catalog, settings)
        : inspection.InRecovery || inspection.ReadOnly ? new Outcome.RepairRefused(
            $"the server is {(inspection.InRecovery ? "in recovery (a standby)" : "read-only")}. Next: let DB_URL name the primary, " +
            "or turn off default_transaction_read_only")
        : null;

    /// <summary>
    /// Returns the possible names of the parent role, to which pending alterations grant rights; see <see cref="Preflight"/>.
    /// </summary>
    private static string[] PreflightsParents(Inspection inspection) =>
    [
        LogtoNames.RolePrefix + inspection.Database.Replace('-', '_'), LogtoNames.RolePrefix + inspection.Database,
    ];

    private static IEnumerable<string> ProblemsOf(Verdict verdict) => verdict switch
    {
        Verdict.Failing failing => failing.Faults.Select(fault =>
            fault.Remedy.Contains("`logto-migrate-init repair", StringComparison.Ordinal) ? fault.What : $"{fault.What} ({fault.Remedy})"),
        Verdict.Unstartable open => [$"tables without row-level security: {string.Join(", ", open.TablesWithoutRowSecurity.Take(5))}"],
        _ => [],
    };
}
