using System.Globalization;
using System.Text;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The report of a rehearsal in Markdown, for a change ticket.</summary>
internal static class RehearsalMarkdown
{
    /// <param name="report">Null when nothing was rehearsed. Then the result is the outcome's message.</param>
    public static string Of(Outcome outcome, RehearsalReport? report)
    {
        if (report is null)
        {
            return $"{Cell(outcome.Message)}{Environment.NewLine}";
        }

        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# Upgrade of `{Cell(report.Database)}` to Logto {report.Version}, rehearsed")
            .AppendLine()
            .AppendLine(
                CultureInfo.InvariantCulture,
                $"On {RehearsalFacts.Copied(report)}, PostgreSQL {report.ServerVersion / 10000}, state {report.State}.")
            .AppendLine()
            .AppendLine("| | |").AppendLine("|---|---|");
        foreach (var (name, fact) in RehearsalFacts.Of(report))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {Cell(fact)} |");
        }

        text.AppendLine().AppendLine("| alteration | seconds inside | what it did |").AppendLine("|---|---:|---|");
        foreach (var alteration in report.Alterations)
        {
            var phrases = string.Join("<br>", AlterationPhrases.Of(alteration, report).Select(Cell));
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {Cell(alteration.Alteration.Version)} {Cell(alteration.Alteration.Name)} | {alteration.Seconds:0.000} | {phrases} |");
        }

        return text.ToString();
    }

    /// <summary>Escapes a text so that it stays inside a table's cell and does not become markup.</summary>
    private static string Cell(string text) =>
        OneLine.Escape(text)
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("|", "\\|", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace("*", "\\*", StringComparison.Ordinal)
            .Replace("`", "\\`", StringComparison.Ordinal);
}
