using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Alterations;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Database;
using LogtoMigrateInit.LogtoCli;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>What happened on the copy, said of the real database: under its names, with its rows, and whether it may be done there.</summary>
internal sealed partial class RehearsalFindings(GateOptions options, AlterationCatalog catalog, DirectServer source)
{
    /// <param name="report">Without what follows from the run.</param>
    /// <param name="job">What was done.</param>
    /// <param name="run">How it ended.</param>
    /// <param name="before">The real objects.</param>
    /// <param name="expected">What should be there afterwards, or null and why that is not known.</param>
    /// <param name="copy">Where it was done.</param>
    /// <param name="there">The same.</param>
    /// <param name="held">Ends it.</param>
    /// <exception cref="DatabaseException">The copy or the real database was not reached.</exception>
    public async Task<RehearsalReport> AddAsync(
        RehearsalReport report, CliJob job, CliRun run, IReadOnlyList<SchemaObject> before, (IReadOnlyList<SchemaObject>? Objects, string? WhyNot) expected,
        LogtoDatabase copy, GateOptions there, CancellationToken held)
    {
        var schema = job.Database.Schema!;
        var (state, traced, found) = await copy.WithConnectionAsync(
            async (connection, token) => (
                (await InspectionQuery.ReadAsync(connection, token)).State,
                await AlterationTrace.ReadAsync(connection, token),
                await SchemaObjects.ReadAsync(connection, schema, token)),
            held);
        var names = new RealNames(before);
        var (alterations, lost) = NameAsReal(RehearsedAlteration.Of(traced, job), names, new CopiedRoles(options.Database, there.Database));
        report = report with
        {
            Alterations = alterations,
            Losses = await CountAsync(lost, before, held),
            Drift = expected.Objects is null ? new RehearsedDrift(null, expected.WhyNot) : null,
            SecondsToRun = report.SecondsToRun - traced.Sum(alteration => (alteration.Resumed - alteration.Ended).TotalSeconds), // without the trace's own time
        };
        if ((state is null ? job.Alterations : job.LeftAt(state)) is [var next, ..])
        {
            var failed = job.Alterations.FirstOrDefault(alteration => alteration.FileName == run.Failed) ?? next;
            return report with { Failure = new RehearsalFailure(failed.FileName, $"{Explain(run, job, there.DeployTimeout)}{(job.IsRollback ? await WorksOnAsync(failed, run.Complaint, report.Tables, held) : "")}") };
        }

        report = report with { After = Drift.Normalise(found, there.Database, options.Database) };
        if (job.IsRollback && report.Mode == RehearsalMode.Full)
        {
            report = report with { Rows = await ComparedRows.ReadAsync(source.Database, copy, schema, before, names, held) };
        }

        if (expected.Objects is null)
        {
            return report;
        }

        var drift = Drift.Compare(expected.Objects, report.After);
        return report with
        {
            Drift = new RehearsedDrift(drift, null),

            // To what a rollback leaves otherwise there is another way back, and the operator decides.
            Failure = drift.LacksSomething && !job.IsRollback
                ? new RehearsalFailure(null, $"afterwards the schema is not what Logto {catalog.TargetVersion} itself creates: {DriftText.Some(drift)} (`logto-migrate-init rehearse --schema-only` names all, and what mends them)")
                : null,
        };
    }

    /// <summary>What the operator has to look at: tables that the script names, with their rows.</summary>
    private async Task<string> WorksOnAsync(Alteration alteration, string complaint, IReadOnlyList<TableSize> tables, CancellationToken held)
    {
        const int Few = 3;
        var named = tables.Where(table => catalog.Names(alteration, table.Name)).OrderByDescending(table => complaint.Contains(table.Name, StringComparison.Ordinal)).Take(Few).ToArray();
        return named.Length == 0 ? "" : await source.Database.WithConnectionAsync(
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

    private string Explain(CliRun run, CliJob job, TimeSpan limit) => run.End switch
    {
        CliEnd.TimedOut when options.RehearsalLimit > TimeSpan.Zero && limit == options.RehearsalLimit =>
            $"it took longer than {options.RehearsalLimit.TotalSeconds:0} s (LOGTO_INIT_REHEARSE_MAX_SECONDS)",
        CliEnd.TimedOut => $"it took longer than {options.DeployTimeout.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS)",
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
    private async Task<IReadOnlyList<Loss>> CountAsync(IReadOnlyList<Loss> losses, IReadOnlyList<SchemaObject> before, CancellationToken held) => losses.Count == 0 ? [] : await source.Database.WithConnectionAsync<IReadOnlyList<Loss>>(
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
