using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Repair;

/// <summary>All that is wrong at one moment.</summary>
internal sealed record RepairSurvey
{
    public required Inspection Inspection { get; init; }

    public required AlterationState State { get; init; }

    /// <summary>Pending alterations. If there are any, only roles, keys and INVALID indexes are inspected.</summary>
    public required IReadOnlyList<Alteration> Pending { get; init; }

    /// <summary>In the order in which they have to be repaired.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Why Logto would refuse to start, or start and fail: clauses.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Why the schema was not compared; null: it was.</summary>
    public required string? NotCompared { get; init; }

    /// <summary>How many objects were compared.</summary>
    public required int Compared { get; init; }
}

/// <summary>Inspects what <c>check --deep --drift</c> inspects.</summary>
internal sealed class RepairInspection(
    ProgramSettings settings, AlterationCatalog catalog, LogtoDatabase database, WatchedInspection watched, DriftCheck drift,
    TenantLogins logins)
{
    /// <returns>The outcome when this command has nothing to do there; null: it has.</returns>
    public Outcome? Settle(Verdict verdict) => verdict switch
    {
        Verdict.Ahead ahead => OfAhead(ahead.State, catalog),
        Verdict.Matching or Verdict.Pending => null,
        Verdict.Failing failing => failing.State.Timestamp > catalog.Last.Timestamp ? OfAhead(failing.State, catalog) : null,
        Verdict.Unstartable open => open.State.Timestamp > catalog.Last.Timestamp ? OfAhead(open.State, catalog) : null,
        _ => Outcome.Of(verdict, catalog, settings),
    };

    /// <returns>The survey, or the outcome instead of it.</returns>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    // Over 40 lines: all that is read, in order, and what it means together.
    public async Task<(RepairSurvey? Survey, Outcome? Outcome)> ReadAsync(CancellationToken held)
    {
        var inspection = await watched.ReadAsync(held);
        var verdict = MigrationPlan.Decide(catalog, inspection);
        if ((Settle(verdict) ?? WhyUnreadable(inspection, verdict)) is { } outcome)
        {
            return (null, outcome);
        }

        var state = inspection.State!; // every verdict that is left has read one
        var pending = catalog.PendingAfter(state);
        var compared = pending.Count > 0 ? null : await drift.RunAsync(held);
        var report = (compared as DriftResult.Compared)?.Report;
        var parents = pending.Count > 0 ? PreflightsParents(inspection) : [await drift.ReadParentAsync(held)];
        var facts = await database.WithWorkConnectionAsync(
            (connection, token) => RoleQuery.ReadAsync(connection, parents, catalog.Requirements.Tables, token), held);
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
        var failed = await logins.FindFailedAsync(inspection.ReadOnly, unusable, held);
        var byLogin = failed.Select(login => RoleFindings.OfLogin(login, inspection));
        string[] problems = [.. ProblemsOf(verdict)];
        return (
            new RepairSurvey
            {
                Inspection = inspection,
                State = state,
                Pending = pending,
                // Indexes last, because they may take long.
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

    /// <summary>Without the table <c>tenants</c> nothing is known about the roles.</summary>
    private Outcome? WhyUnreadable(Inspection inspection, Verdict verdict) =>
        inspection.TenantsRefusal is { } refusal ? new Outcome.TenantsHidden(settings, inspection.State!, refusal)
        : inspection.Start is null || inspection.Schema == "pg_catalog" ? Outcome.Of(verdict, catalog, settings)
        : inspection.InRecovery || inspection.ReadOnly ? new Outcome.RepairRefused(
            $"the server is {(inspection.InRecovery ? "in recovery (a standby)" : "read-only")}. Next: let DB_URL name the primary, " +
            "or turn off default_transaction_read_only")
        : null;

    /// <summary>The names of the role that pending alterations grant rights to; see <see cref="Preflight"/>.</summary>
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
