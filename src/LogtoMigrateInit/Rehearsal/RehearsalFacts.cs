using System.Diagnostics;
using System.Globalization;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>
/// The summary at the beginning of a report: whether it works, how long it takes, what it blocks, what it loses, what the copy cannot show.
/// </summary>
internal static class RehearsalFacts
{
    private const int Few = 8;

    /// <summary>Returns all facts with their labels. Facts with the same label follow each other.</summary>
    // Over 40 lines: one line for each fact.
    public static IEnumerable<(string Name, string Fact)> Of(RehearsalReport report)
    {
        yield return ("works", report.Failure is { } failure ? WhyNot(failure, report) : $"yes, {Works(report)}{SchemaAfterwards(report)}");
        yield return ("takes", string.Create(
            CultureInfo.InvariantCulture,
            $"{report.SecondsToRun:0.0} s with Logto's CLI, {report.SecondsInside:0.000} s of it inside of transactions; " +
            $"the copy took {report.SecondsToCopy:0.0} s"));
        var blocks = new[] { Blocked.ReadsAndWrites, Blocked.Writes }.Select(blocked => Block(report, blocked)).OfType<string>().ToArray();
        foreach (var block in blocks.DefaultIfEmpty("nothing that was there before"))
        {
            yield return ("blocked", block);
        }

        foreach (var loss in RehearsalSummary.AllLosses(report).DefaultIfEmpty(report.Rows is null ? "no table and no column" : "nothing"))
        {
            yield return ("lost", loss);
        }

        foreach (var table in report.Rows?.Changed.Where(table => table.Gone + table.Changed == 0) ?? [])
        {
            yield return ("new", RehearsalSummary.Of(table));
        }

        if (report.Rows is { } rows)
        {
            yield return ("kept", $"{Kept(rows)}, compared one by one in every column that is there before and afterwards");
        }

        foreach (var unchanging in report.Unchanging)
        {
            yield return ("no effect", $"{unchanging.Version} {unchanging.Name} reports success and changes nothing");
        }

        if (report.Drift is { WhyNot: { } unknown })
        {
            yield return ("schema", $"not compared: {unknown}");
        }

        foreach (var difference in report.Drift?.Report?.Differences ?? [])
        {
            yield return ("schema", $"{Differs(report, difference)}{Remedy(difference)}");
        }

        if (report.Start is { } start)
        {
            yield return ("starts", Starts(start));
        }

        if (report.WithoutRows is { Count: > 0 } tables)
        {
            var more = tables.Count > Few ? $" and {tables.Count - Few} more tables" : "";
            yield return (
                "not seen",
                $"the rows of {string.Join(", ", tables.Take(Few))}{more}: " +
                "an alteration that fails on them is found by a rehearsal with rows");
        }

        if (report.LeftOut.Count > 0)
        {
            var more = report.LeftOut.Count > Few ? $" and {report.LeftOut.Count - Few} more" : "";
            yield return (
                "not seen",
                $"{string.Join(", ", report.LeftOut.Take(Few))}{more}: not copied, because Logto's schema does not use it, and it does " +
                "not use Logto's schema");
        }

        if (report is { IsRollback: true, Rows: null, Failure: null })
        {
            yield return ("not seen", "whether all other rows stay as they are: they were not compared (--schema-only)");
        }

        if (report.Start is ServerStart.Answered)
        {
            yield return (
                "not seen",
                "sign-ins, and the passwords, attributes and settings of the real roles: the copy has roles of its own");
        }

        yield return ("not seen", "live sessions, bloat and a cold cache, which no copy has");
    }

    /// <summary>Returns a phrase for the rows that were copied.</summary>
    public static string Copied(RehearsalReport report) =>
        report.Mode == RehearsalMode.Full ? "a copy with all rows" : "a copy with the rows of small tables";

    private static string Starts(ServerStart start) => start switch
    {
        ServerStart.Answered answered => $"yes, {answered}",
        ServerStart.Failed { Reason: var reason } => $"no: Logto {reason}",
        ServerStart.NotStarted { Reason: var reason } => $"not started: {reason}",
        _ => throw new UnreachableException(),
    };

    private static string WhyNot(RehearsalFailure failure, RehearsalReport report)
    {
        if (report.Start is ServerStart.Failed)
        {
            return $"no: {Works(report)} can be deployed, and Logto itself does not work afterwards";
        }

        var alteration = failure.Alteration is null ? "" : $"{failure.Alteration} fails: ";
        return $"no: {alteration}{failure.Reason}";
    }

    private static string Works(RehearsalReport report)
    {
        var alterations = report.Planned == 1 ? "the one alteration" : $"all {report.Planned} alterations";
        return report.IsRollback ? $"{alterations} can be reverted" : alterations;
    }

    private static string SchemaAfterwards(RehearsalReport report)
    {
        if (report.Drift is not { Report: { } drift })
        {
            return "";
        }

        var exception = report.IsRollback ? ", but for what is named below" : ", and what is named below";
        return $", and afterwards the schema is {Expected(report)}{(drift.Differences.Count > 0 ? exception : "")}";
    }

    private static string Expected(RehearsalReport report) => report.IsRollback
        ? $"that of the backup at the level of Logto {report.Version}"
        : $"what Logto {report.Version} itself creates";

    private static string Kept(ComparedRows rows) => rows.Changed.Count == 0
        ? $"all {rows.Rows} rows of {rows.Tables} tables"
        : $"all rows of {rows.Tables - rows.Changed.Count} of {rows.Tables} tables";

    private static string Differs(RehearsalReport report, SchemaDifference difference) =>
        report.IsRollback && difference.What == Difference.Added
            ? $"{difference.Kind} {difference.Name} is not in the backup"
            : DriftText.Of(difference);

    private static string Remedy(SchemaDifference difference) => difference switch
    {
        { Sql: null } => "",
        _ when DriftText.IsLong(difference) => "; what mends it is in --output json",
        _ => $"; repair it with: {DriftText.Line(difference.Sql)}",
    };

    private static string? Block(RehearsalReport report, Blocked blocked)
    {
        if (report.Longest(blocked) is not { Alteration: var longest, Table: var table, Bytes: var bytes })
        {
            return null;
        }

        var count = report.CountBlocked(blocked);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{RehearsalSummary.What(blocked)} of {table} ({RehearsalSummary.Size(bytes)}) for {longest.Seconds:0.000} s at most " +
            $"({longest.Alteration.Version} {longest.Alteration.Name}); {count} {(count == 1 ? "table" : "tables")} at some time");
    }
}
