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

/// <summary>What happened on the copy, said of the real database: under its names, with its rows, and whether it may be done there.</summary>
internal sealed partial class RehearsalFindings(ProgramSettings settings, AlterationCatalog catalog, DirectServer real)
{
    /// <param name="plan">What was done.</param>
    /// <param name="run">How it ended.</param>
    /// <param name="source">The real database before it.</param>
    /// <param name="expected">What the schema should be afterwards, or null and why that is not known.</param>
    /// <param name="copy">The database in which it was done.</param>
    /// <param name="serverVersion">Of the copy's server; PostgreSQL's <c>server_version_num</c>.</param>
    /// <param name="seconds">How long it took to make the copy, and how long the CLI ran.</param>
    /// <exception cref="DatabaseException">The copy or the real database was not reached.</exception>
    public async Task<RehearsalReport> ReportAsync(
        RehearsalPlan plan, CliRun run, SourceSchema source, (IReadOnlyList<SchemaObject>? Objects, string? WhyNot) expected, LogtoDatabase copy,
        int serverVersion, (double ToCopy, double ToRun) seconds, CancellationToken held)
    {
        var job = plan.Job;
        var schema = job.Database.Schema!;
        var (state, traced, found) = await copy.WithConnectionAsync(
            async (connection, token) => (
                (await InspectionQuery.ReadAsync(connection, token)).State,
                await AlterationTrace.ReadAsync(connection, token),
                await SchemaObjects.ReadAsync(connection, schema, token)),
            held);
        var names = new RealNames(source.Objects);
        var (alterations, lost) = NameAsReal(
            RehearsedAlteration.Of(traced, job), names, new CopiedRoles(settings.Main.Database, copy.Target.Database));
        var failed = (state is null ? job.Alterations : job.LeftAt(state)) is [var next, ..]
            ? job.Alterations.FirstOrDefault(alteration => alteration.FileName == run.Failed) ?? next
            : null;
        var after = failed is null ? SchemaDrift.Normalise(found, copy.Target.Database, settings.Main.Database) : null;
        var drift = after is not null && expected.Objects is not null ? SchemaDrift.Compare(expected.Objects, after) : null;
        return new RehearsalReport
        {
            Database = settings.Main.Database,
            State = plan.State,
            Version = plan.Version,
            IsRollback = job.IsRollback,
            ServerVersion = serverVersion,
            Mode = plan.Mode,
            Planned = job.Alterations.Count,
            Failure = failed is null ? WhyDifferent(drift, job) : new RehearsalFailure(failed.FileName, await ExplainAsync(failed, run, job, source, held)),
            SecondsToCopy = seconds.ToCopy,

            // Without the trace's own time.
            SecondsToRun = seconds.ToRun - traced.Sum(alteration => (alteration.Resumed - alteration.Ended).TotalSeconds),
            Alterations = alterations,
            Losses = await CountAsync(lost, source.Objects, held),
            Tables = source.Tables,
            WithoutRows = plan.Mode == RehearsalMode.Full ? [] : DatabaseCopy.WithoutRows(source.Tables),
            Rows = after is not null && job.IsRollback && plan.Mode == RehearsalMode.Full
                ? await ComparedRows.ReadAsync(real.Database, copy, schema, source.Objects, names, held)
                : null,
            WithBeforeDown = [.. job.Alterations.Where(alteration => catalog.Names(alteration, ConcurrentIndex.BeforeDown))],
            Drift = drift is not null || expected.Objects is null ? new RehearsedDrift(drift, expected.WhyNot) : null,
            After = after ?? [],
        };
    }

    /// <summary>A rollback may leave another schema: there is another way back then, and the operator decides.</summary>
    private RehearsalFailure? WhyDifferent(DriftReport? drift, CliJob job) => drift is { LacksSomething: true } && !job.IsRollback
        ? new RehearsalFailure(
            null,
            $"afterwards the schema is not what Logto {catalog.TargetVersion} itself creates: {DriftText.Some(drift)} " +
            "(`logto-migrate-init rehearse --schema-only` names all, and what mends them)")
        : null;

    private async Task<string> ExplainAsync(Alteration failed, CliRun run, CliJob job, SourceSchema source, CancellationToken held) =>
        Explain(run, job) + (job.IsRollback ? await WorksOnAsync(failed, run.Complaint, source.Tables, held) : "");

    /// <summary>What the operator has to look at: tables that the script names, with their rows.</summary>
    private async Task<string> WorksOnAsync(Alteration alteration, string complaint, IReadOnlyList<TableSize> tables, CancellationToken held)
    {
        const int Few = 3;
        var named = tables.Where(table => catalog.Names(alteration, table.Name)).OrderByDescending(table => complaint.Contains(table.Name, StringComparison.Ordinal)).Take(Few).ToArray();
        return named.Length == 0 ? "" : await real.Database.WithConnectionAsync(
            async (connection, token) =>
            {
                var counted = new List<string>();
                foreach (var table in named)
                {
                    counted.Add($"{table.Name} ({(await TableSizes.CountAsync(connection, "table", table.Name, token))?.ToString(CultureInfo.InvariantCulture) ?? "uncounted"} rows)");
                }

                return $"; it works on {string.Join(", ", counted)}";
            },
            held);
    }

    private string Explain(CliRun run, CliJob job) => run.End switch
    {
        CliEnd.TimedOut when settings.RehearsalLimit > TimeSpan.Zero && job.TimeLimit == settings.RehearsalLimit =>
            $"it took longer than {settings.RehearsalLimit.TotalSeconds:0} s (LOGTO_INIT_REHEARSE_MAX_SECONDS)",
        CliEnd.TimedOut => $"it took longer than {settings.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
        CliEnd.ByItself when run.GuardsReason is { } reason => $"Logto's CLI was ended by its guard, because {reason}",
        CliEnd.ByItself when run.ExitCode == 0 => $"Logto's CLI reported success, and it is still {(job.IsRollback ? "deployed" : "pending")}",
        CliEnd.ByItself => $"{run.Complaint.TrimEnd('.')} (Logto's CLI, exit code {run.Ending})",
        _ => "the connection to the copy was lost; start again",
    };

    /// <summary>Tables and roles under the names that they have in the real database, and what of it is dropped.</summary>
    private static (IReadOnlyList<RehearsedAlteration> Alterations, IReadOnlyList<Loss> Losses) NameAsReal(IReadOnlyList<RehearsedAlteration> alterations, RealNames names, CopiedRoles copied)
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
            named.Add(alteration with
            {
                Locks = [.. alteration.Locks.Select(held => held with { Real = names.Of("table", held.Table) })],
                Changes = [.. alteration.Changes.Select(change => change.Kind == "grant" ? change with { Name = copied.RealNames(change.Name) } : change)],
            });
            names.Follow(alteration);
        }

        return (named, losses);
    }

    /// <summary>What is dropped is counted where the real rows are, before anything happens to them.</summary>
    private async Task<IReadOnlyList<Loss>> CountAsync(IReadOnlyList<Loss> losses, IReadOnlyList<SchemaObject> before, CancellationToken held) => losses.Count == 0 ? [] : await real.Database.WithConnectionAsync<IReadOnlyList<Loss>>(
        async (connection, token) =>
        {
            var counted = new List<Loss>();
            foreach (var loss in losses)
            {
                var fallback = before.FirstOrDefault(each => each.Kind == "default" && each.Name == loss.Name)?.Definition;
                counted.Add(loss with
                {
                    Values = await TableSizes.CountAsync(connection, loss.Kind, loss.Name, token),
                    NotDefault = fallback is not null && ConstantDefault().IsMatch(fallback) ? await TableSizes.CountOthersAsync(connection, loss.Name, fallback, token) : null,
                });
            }

            return counted;
        },
        held);

    // A literal with or without a cast; what a function gives may be another one at each call.
    [GeneratedRegex(@"^(?:'(?:''|[^'])*'|-?[0-9.]+|\(-[0-9.]+\)|true|false)(?:::[\w\s\[\]"".,()]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex ConstantDefault();
}
