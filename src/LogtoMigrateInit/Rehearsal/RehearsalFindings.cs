using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// Creates the report about the real database from the trace on the copy, with the names and row counts of the real database.
/// </summary>
internal sealed partial class RehearsalFindings(ProgramSettings settings, AlterationCatalog catalog, DirectServer real)
{
    /// <param name="source">The real database before the rehearsal.</param>
    /// <param name="expected">The expected schema; or null and the reason.</param>
    /// <param name="serverVersion">The <c>server_version_num</c> of the copy's server.</param>
    /// <param name="seconds">The time to create the copy, and the time that the CLI ran.</param>
    /// <exception cref="DatabaseException">The copy or the real database was not reached.</exception>
    // Over 40 lines: the parts of one report, in the order in which the copy can be read.
    public async Task<RehearsalReport> ReportAsync(
        RehearsalPlan plan,
        CliRun run,
        SourceSchema source,
        (IReadOnlyList<SchemaObject>? Objects, string? WhyNot) expected,
        LogtoDatabase copy,
        int serverVersion,
        (double ToCopy, double ToRun) seconds,
        CancellationToken whileLocked)
    {
        var job = plan.Job;
        var schema = job.Database.Schema!;
        var (state, traced, found) = await copy.WithWorkConnectionAsync(
            async (connection, token) => (
                (await InspectionQuery.ReadAsync(connection, [], token)).State,
                await AlterationTrace.ReadAsync(connection, token),
                await SchemaObjects.ReadAsync(connection, schema, token)),
            whileLocked);
        var names = new RealNames(source.Objects);
        var (alterations, lost) = NameAsReal(
            RehearsedAlteration.Of(traced, job), names, new CopiedRoles(settings.Main.Database, copy.Target.Database));
        var failed = (state is null ? job.Alterations : job.LeftAt(state)) is [var next, ..]
            ? job.Alterations.FirstOrDefault(alteration => alteration.FileName == run.Failed) ?? next
            : null;
        var parent = SchemaDrift.ParentRole(source.Objects, settings.Main.Database);
        var after = failed is null ? SchemaDrift.WithRoles(found, parent) : null;
        var former = expected.Objects?.Where(each => !source.Scope.LeavesOut(each.Table ?? each.Name)).ToArray();
        var drift = after is not null && former is not null ? SchemaDrift.Compare(SchemaDrift.WithRoles(former, parent), after) : null;
        return new RehearsalReport
        {
            Database = settings.Main.Database,
            State = plan.State,
            Version = plan.Version,
            IsRollback = job.IsRollback,
            ServerVersion = serverVersion,
            Mode = plan.Mode,
            Planned = job.Alterations.Count,
            Failure = failed is null
                ? WhyDifferent(drift, job)
                : new RehearsalFailure(failed.FileName, await ExplainAsync(failed, run, job, source, whileLocked)),
            SecondsToCopy = seconds.ToCopy,

            // The time of the trace's trigger does not count.
            SecondsToRun = seconds.ToRun - traced.Sum(alteration => (alteration.Resumed - alteration.Ended).TotalSeconds),
            Alterations = alterations,
            Losses = await CountAsync(lost, source.Objects, whileLocked),
            Tables = source.Tables,
            LeftOut = [.. source.Scope.Phrases],
            WithoutRows = plan.Mode == RehearsalMode.Full ? [] : DatabaseCopy.WithoutRows(source.Tables),
            Rows = after is not null && job.IsRollback && plan.Mode == RehearsalMode.Full
                ? await ComparedRows.ReadAsync(real.Database, copy, schema, source.Objects, names, whileLocked)
                : null,
            WithBeforeDown = [.. job.Alterations.Where(alteration => catalog.Mentions(alteration, ConcurrentIndex.BeforeDown))],
            Drift = drift is not null || expected.Objects is null ? new RehearsedDrift(drift, expected.WhyNot) : null,
            After = after ?? [],
        };
    }

    /// <summary>
    /// Returns the failure if the schema lacks something; null for a rollback, where the operator decides about differences.
    /// </summary>
    private RehearsalFailure? WhyDifferent(DriftReport? drift, CliJob job) => drift is { LacksSomething: true } && !job.IsRollback
        ? new RehearsalFailure(
            null,
            $"afterwards the schema is not what Logto {catalog.TargetVersion} itself creates: {DriftText.FirstOf(drift)}")
        : null;

    private async Task<string> ExplainAsync(
        Alteration failed, CliRun run, CliJob job, SourceSchema source, CancellationToken whileLocked) =>
        Explain(run, job) + (job.IsRollback ? await WorksOnAsync(failed, run.Complaint, source.Tables, whileLocked) : "");

    /// <summary>Returns a clause with the first tables that the script names, and their numbers of rows.</summary>
    private async Task<string> WorksOnAsync(
        Alteration alteration, string complaint, IReadOnlyList<TableSize> tables, CancellationToken whileLocked)
    {
        const int Few = 3;
        var named = tables
            .Where(table => catalog.Mentions(alteration, table.Name))
            .OrderByDescending(table => complaint.Contains(table.Name, StringComparison.Ordinal))
            .Take(Few)
            .ToArray();
        return named.Length == 0 ? "" : await real.Database.WithConnectionAsync(
            async (connection, token) =>
            {
                var counted = new List<string>();
                foreach (var table in named)
                {
                    var rows = await TableSizes.CountAsync(connection, "table", table.Name, token);
                    counted.Add($"{table.Name} ({rows?.ToString(CultureInfo.InvariantCulture) ?? "uncounted"} rows)");
                }

                return DescribeTables(counted);
            },
            whileLocked);
    }

    /// <summary>Returns what a failed alteration works on: a clause after the reason.</summary>
    public static string DescribeTables(IReadOnlyList<string> tables) => $"; it works on {string.Join(", ", tables)}";

    /// <summary>Returns what the CLI complained of before it ended by itself: a clause.</summary>
    public static string DescribeEnd(CliRun run) => run.Complaint.Length > 0
        ? $"{run.Complaint.TrimEnd('.')} (Logto's CLI, exit code {run.ExitCodeText})"
        : $"Logto's CLI ended with exit code {run.ExitCodeText}";

    private string Explain(CliRun run, CliJob job) => run.End switch
    {
        CliEnd.TimedOut when settings.RehearsalLimit > TimeSpan.Zero && job.TimeLimit == settings.RehearsalLimit =>
            $"it took longer than {settings.RehearsalLimit.TotalSeconds:0} s (LOGTO_INIT_REHEARSE_MAX_SECONDS)",
        CliEnd.TimedOut => $"it took longer than {settings.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
        CliEnd.ByItself when run.GuardsReason is { } reason => $"Logto's CLI was ended by its guard, because {reason}",
        CliEnd.ByItself when run.ExitCode == 0 =>
            $"Logto's CLI reported success, and it is still {(job.IsRollback ? "deployed" : "pending")}",
        CliEnd.ByItself => DescribeEnd(run),
        _ => "the connection to the copy was lost",
    };

    /// <summary>Replaces the copy's names of tables and roles by the real ones, and collects dropped and truncated objects.</summary>
    private static (IReadOnlyList<RehearsedAlteration> Alterations, IReadOnlyList<Loss> Losses) NameAsReal(
        IReadOnlyList<RehearsedAlteration> alterations, RealNames names, CopiedRoles copied)
    {
        var (named, losses) = (new List<RehearsedAlteration>(), new List<Loss>());
        foreach (var alteration in alterations)
        {
            losses.AddRange(
                from change in alteration.Changes
                where change.What == ChangeKind.Dropped
                let real = names.Of(change.Kind, change.Name)
                where real is not null
                select new Loss(change.Kind, real, alteration.Alteration, null, null));
            losses.AddRange(
                from table in alteration.Truncated
                let real = names.Of("table", table)
                where real is not null && !losses.Exists(loss => loss.Kind is Loss.AllRows or "table" && loss.Name == real)
                select new Loss(Loss.AllRows, real, alteration.Alteration, null, null));
            named.Add(alteration with
            {
                Locks = [.. alteration.Locks.Select(locked => locked with { Real = names.Of("table", locked.Table) })],
                Changes = [.. alteration.Changes.Select(NameAsReal)],
            });
            names.Follow(alteration);
        }

        return (named, losses);

        SchemaChange NameAsReal(SchemaChange change) =>
            change.Kind == "grant" ? change with { Name = copied.WithRealRoles(change.Name) } : change;
    }

    /// <summary>Counts the rows of the losses in the real database, because the copy may lack rows.</summary>
    private async Task<IReadOnlyList<Loss>> CountAsync(
        IReadOnlyList<Loss> losses, IReadOnlyList<SchemaObject> before, CancellationToken whileLocked)
    {
        return losses.Count == 0 ? [] : await real.Database.WithConnectionAsync<IReadOnlyList<Loss>>(
            async (connection, token) =>
            {
                var counted = new List<Loss>();
                foreach (var loss in losses)
                {
                    var fallback = before.FirstOrDefault(each => each.Kind == "default" && each.Name == loss.Name)?.Definition;
                    counted.Add(loss with
                    {
                        Values = await TableSizes.CountAsync(connection, loss.Kind, loss.Name, token),
                        NotDefault = fallback is not null && ConstantDefault().IsMatch(fallback)
                            ? await TableSizes.CountOthersAsync(connection, loss.Name, fallback, token)
                            : null,
                    });
                }

                return counted;
            },
            whileLocked);
    }

    // Matches a literal with or without a cast. Other defaults are no constants: a function may return another value at each call.
    [GeneratedRegex(@"^(?:'(?:''|[^'])*'|-?[0-9.]+|\(-[0-9.]+\)|true|false)(?:::[\w\s\[\]"".,()]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex ConstantDefault();
}
