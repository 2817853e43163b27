using System.Text;
using System.Text.Json;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.Migration;

/// <summary>The report that <c>check</c> prints on standard output.</summary>
internal static class CheckReport
{
    /// <summary>
    /// Returns a line for each pending alteration, and one with its SQL for each difference of the schema. The outcome's message is in the
    /// log.
    /// </summary>
    /// <param name="drift">Null when the schema was not compared.</param>
    public static string AsText(Outcome outcome, DriftReport? drift)
    {
        var report = new StringBuilder();
        foreach (var alteration in outcome.Pending)
        {
            report.Append("  ").AppendLine(OneLine.Escape(alteration.FileName));
        }

        foreach (var difference in drift?.Differences ?? [])
        {
            report.Append("  ").AppendLine(OneLine.Escape(DriftText.Of(difference)));
            if (difference.Sql is { } statement && DriftText.IsLong(difference))
            {
                report.AppendLine("    repair it with:");
                foreach (var line in statement.Split('\n'))
                {
                    report.Append("      ").AppendLine(OneLine.Escape(line));
                }
            }
            else if (difference.Sql is { } sql)
            {
                report.Append("    repair it with: ").AppendLine(OneLine.Escape(DriftText.Line(sql)));
            }
        }

        foreach (var other in drift?.ForeignObjects ?? [])
        {
            report.Append("  ").Append(OneLine.Escape(other)).AppendLine(" is not Logto's, which is no drift");
        }

        return report.ToString();
    }

    /// <summary>
    /// Returns one object: <c>exitCode</c>, <c>outcome</c> (<see cref="Outcome.Name"/>), <c>message</c>, <c>target</c> (<c>version</c>,
    /// <c>timestamp</c>, <c>alterations</c>; null when the target could not be read), <c>state</c> (null when the outcome has none),
    /// <c>pending</c> (file names), <c>drift</c> (null when the schema was not compared), and <c>start</c> (null without <c>--start</c>).
    /// <see cref="RehearsalJson"/> writes the last two.
    /// </summary>
    public static string AsJson(Outcome outcome, AlterationCatalog? catalog, DriftReport? drift, ServerStart? start)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            RehearsalJson.WriteEnding(json, outcome, catalog);

            if (outcome.State is { } state)
            {
                json.WriteNumber("state", state.Timestamp);
            }
            else
            {
                json.WriteNull("state");
            }

            json.WriteStartArray("pending");
            foreach (var alteration in outcome.Pending)
            {
                json.WriteStringValue(alteration.FileName);
            }

            json.WriteEndArray();
            if (drift is null)
            {
                json.WriteNull("drift");
            }
            else
            {
                json.WriteStartObject("drift");
                RehearsalJson.Write(json, drift);
                json.WriteEndObject();
            }

            RehearsalJson.WriteStart(json, start);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + Environment.NewLine;
    }

}
