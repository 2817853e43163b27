using System.Text;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Repair;

/// <summary>
/// Writes the report on standard output. It is a script for <c>psql</c>: all text is in comments, and so is SQL that the operator must
/// decide on.
/// </summary>
internal static class RepairText
{
    /// <param name="progress">The SQL that was tried already.</param>
    public static string Of(string database, RepairSurvey survey, RepairProgress progress)
    {
        var report = new StringBuilder();
        Comment(report, $"database '{database}', state {survey.State}: {Counted.Of(survey.Findings.Count, "finding")}");
        foreach (var problem in survey.Problems)
        {
            Comment(report, $"Logto would refuse to start, or start and fail: {problem}");
        }

        if (survey.Pending.Count > 0)
        {
            Comment(report, $"{Counted.Are(survey.Pending.Count, "alteration")} pending, so only roles, signing keys and " +
                "INVALID indexes are inspected");
        }
        else if (survey.NotCompared is { } reason)
        {
            Comment(report, $"the schema was not compared: {reason}");
        }

        if (survey.Findings.Count > 0)
        {
            report.Append("set search_path = ").Append(SqlNamesOf(survey)).AppendLine(";");
        }

        foreach (var (number, finding) in survey.Findings.Index())
        {
            report.AppendLine();
            Comment(report, $"{number + 1}. {finding.What}");
            Append(report, finding, progress.WhyLeft(finding));
        }

        return report.AppendLine().ToString();
    }

    private static void Append(StringBuilder report, Finding finding, string? whyLeft)
    {
        var byHand = finding.By == RepairBy.Operator;
        if (whyLeft is not null)
        {
            Comment(report, $"   not repaired: {whyLeft}. Run this as a superuser, or correct the cause:");
        }
        else if (finding.By == RepairBy.CommandAfterBackup)
        {
            Comment(report, "   `repair --trim-signing-keys` does this, after a backup:");
        }

        if (finding.Why is { } why)
        {
            Comment(report, $"   {(byHand ? "for you to decide" : "note")}: {why}");
        }

        // Each line of a function is escaped and run as it is. An invisible character therefore becomes visible, and an error of the
        // server.
        foreach (var line in finding.Text is { } text ? $"{text.TrimEnd().TrimEnd(';')};".Split('\n') : [])
        {
            report.Append(byHand || finding.By == RepairBy.CommandAfterBackup ? "--   " : "").AppendLine(OneLine.Escape(line));
        }
    }

    private static string SqlNamesOf(RepairSurvey survey) =>
        OneLine.Escape(PostgreSql.SqlNames.Quote(survey.Inspection.Schema ?? "public"));

    private static void Comment(StringBuilder report, string text) => report.Append("-- ").AppendLine(OneLine.Escape(text));
}
