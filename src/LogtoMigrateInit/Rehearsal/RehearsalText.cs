using System.Globalization;
using System.Text;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>The report of a rehearsal as text for a terminal.</summary>
internal static class RehearsalText
{
    private const int NameWidth = 10;
    private const string Green = "\e[32m";
    private const string Red = "\e[31m";
    private const string Yellow = "\e[33m";
    private const string Plain = "\e[0m";

    /// <param name="inColour">Whether to add the color codes of a terminal.</param>
    public static string Of(RehearsalReport report, bool inColour)
    {
        var text = new StringBuilder();
        text.AppendLine(Title(report)).AppendLine();
        string? last = null;
        foreach (var (name, fact) in RehearsalFacts.Of(report))
        {
            var colour = !inColour ? "" : name switch
            {
                "works" => report.Failure is null ? Green : Red,
                "lost" when report.Losses.Count > 0 || report.Rows is { Changed.Count: > 0 } => Yellow,
                _ => "",
            };
            var label = (name == last ? "" : name).PadRight(NameWidth);
            var end = colour.Length > 0 ? Plain : "";
            text.AppendLine(CultureInfo.InvariantCulture, $"  {label}{colour}{OneLine.Escape(fact)}{end}");
            last = name;
        }

        text.AppendLine().AppendLine("   inside    alteration");
        foreach (var alteration in report.Alterations)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{alteration.Seconds,7:0.000} s   {OneLine.Escape($"{alteration.Alteration.Version} {alteration.Alteration.Name}")}");
            foreach (var phrase in AlterationPhrases.Of(alteration, report))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"               {OneLine.Escape(phrase)}");
            }
        }

        return text.ToString();
    }

    private static string Title(RehearsalReport report)
    {
        var task = report.IsRollback ? "rollback" : "upgrade";
        var server = $"PostgreSQL {report.ServerVersion / 10000}, state {report.State}";
        return $"The {task} of '{OneLine.Escape(report.Database)}' to Logto {report.Version}, " +
            $"rehearsed on {RehearsalFacts.Copied(report)} ({server})";
    }
}
