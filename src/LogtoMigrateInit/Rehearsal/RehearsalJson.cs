using System.Text;
using System.Text.Json;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>Writes reports as JSON for scripts. docs/reference.md describes each field.</summary>
internal static class RehearsalJson
{
    /// <summary>Increases when a field is removed or changes its meaning. It stays when a field is added.</summary>
    private const int SchemaVersion = 1;

    /// <summary>Returns the report of <c>rehearse</c>.</summary>
    /// <param name="catalog">Null when the target could not be read.</param>
    /// <param name="report">Null when nothing was rehearsed.</param>
    public static string Of(Outcome outcome, AlterationCatalog? catalog, RehearsalReport? report)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", SchemaVersion);
            WriteEnding(json, outcome, catalog);

            if (report is null)
            {
                json.WriteNull("rehearsal");
            }
            else
            {
                json.WriteStartObject("rehearsal");
                Write(json, report);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + Environment.NewLine;
    }

    /// <summary>Writes the properties of a comparison into the open object.</summary>
    public static void Write(Utf8JsonWriter json, DriftReport drift)
    {
        json.WriteNumber("compared", drift.Compared);
        WriteEach(json, "differences", drift.Differences, difference =>
        {
            json.WriteStartObject();
            json.WriteString("what", difference.What switch
            {
                Difference.Missing => "missing",
                Difference.Added => "added",
                _ => "different",
            });
            json.WriteString("kind", difference.Kind);
            json.WriteString("name", difference.Name);
            json.WriteString("expected", difference.Expected);
            json.WriteString("found", difference.Found);
            json.WriteString("sql", difference.Sql);
            json.WriteEndObject();
        });
        WriteEach(json, "notLogtos", drift.ForeignObjects, json.WriteStringValue);
    }

    /// <summary>Writes the property <c>start</c>; null when Logto was not to be started.</summary>
    public static void WriteStart(Utf8JsonWriter json, ServerStart? start)
    {
        if (start is null)
        {
            json.WriteNull("start");
            return;
        }

        json.WriteStartObject("start");
        json.WriteString("result", start switch
        {
            ServerStart.Answered => "answered",
            ServerStart.Failed => "failed",
            _ => "notStarted",
        });
        json.WriteString("reason", (start as ServerStart.Failed)?.Reason ?? (start as ServerStart.NotStarted)?.Reason);
        if (start is ServerStart.Answered answered)
        {
            json.WriteNumber("seconds", Round(answered.Seconds));
        }
        else
        {
            json.WriteNull("seconds");
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the properties that the reports of <c>check</c> and <c>rehearse</c> share, into the open object.</summary>
    /// <param name="catalog">Null when the target could not be read.</param>
    public static void WriteEnding(Utf8JsonWriter json, Outcome outcome, AlterationCatalog? catalog)
    {
        json.WriteNumber("exitCode", (int)outcome.ExitCode);
        json.WriteString("outcome", outcome.Name);
        json.WriteString("message", outcome.Message);
        if (catalog is null)
        {
            json.WriteNull("target");
        }
        else
        {
            json.WriteStartObject("target");
            json.WriteString("version", catalog.TargetVersion);
            json.WriteNumber("timestamp", catalog.Last.Timestamp);
            json.WriteNumber("alterations", catalog.Count);
            json.WriteEndObject();
        }
    }

    // Over 40 lines: one line for each property of the report.
    private static void Write(Utf8JsonWriter json, RehearsalReport report)
    {
        json.WriteString("database", report.Database);
        json.WriteNumber("state", report.State.Timestamp);
        json.WriteNumber("serverVersion", report.ServerVersion);
        json.WriteString("rows", report.Mode == RehearsalMode.Full ? "all" : "smallTables");
        json.WriteNumber("planned", report.Planned);
        if (report.Failure is { } failure)
        {
            json.WriteStartObject("failure");
            json.WriteString("alteration", failure.Alteration);
            json.WriteString("reason", failure.Reason);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("failure");
        }

        json.WriteNumber("secondsToCopy", Round(report.SecondsToCopy));
        json.WriteNumber("secondsToDeploy", Round(report.SecondsToRun));
        json.WriteNumber("secondsInside", Round(report.SecondsInside));
        WriteEach(json, "losses", report.Losses, loss =>
        {
            json.WriteStartObject();
            json.WriteString("kind", loss.Kind);
            json.WriteString("name", loss.Name);
            json.WriteString("alteration", loss.By.FileName);
            if (loss.Values is { } values)
            {
                json.WriteNumber("values", values);
            }
            else
            {
                json.WriteNull("values");
            }

            json.WriteEndObject();
        });
        WriteEach(json, "alterations", report.Alterations, alteration => Write(json, alteration, report));
        WriteEach(json, "withoutRows", report.WithoutRows, json.WriteStringValue);
        WriteEach(json, "leftOut", report.LeftOut, json.WriteStringValue);
        switch (report.Drift)
        {
            case { Report: { } drift }:
                json.WriteStartObject("drift");
                Write(json, drift);
                json.WriteEndObject();
                break;
            default:
                json.WriteNull("drift");
                break;
        }

        WriteStart(json, report.Start);
    }

    // Over 40 lines: one line for each property of the report.
    private static void Write(Utf8JsonWriter json, RehearsedAlteration alteration, RehearsalReport report)
    {
        json.WriteStartObject();
        json.WriteString("file", alteration.Alteration.FileName);
        json.WriteNumber("seconds", Round(alteration.Seconds));
        if (alteration.SecondsBefore is { } before)
        {
            json.WriteNumber("secondsBefore", Round(before));
        }
        else
        {
            json.WriteNull("secondsBefore");
        }

        WriteEach(json, "locks", alteration.Locks, held =>
        {
            json.WriteStartObject();
            json.WriteString("table", held.Table);
            json.WriteString("mode", held.Mode);
            json.WriteString("blocks", held.Blocks switch
            {
                Blocked.Nothing => null,
                Blocked.Writes => "writes",
                _ => "readsAndWrites",
            });
            if (report.SizeOf(held) is { } bytes)
            {
                json.WriteNumber("bytes", bytes);
            }
            else
            {
                json.WriteNull("bytes");
            }

            json.WriteEndObject();
        });
        WriteEach(json, "truncated", alteration.Truncated, json.WriteStringValue);
        WriteEach(json, "rewritten", alteration.Rewritten, json.WriteStringValue);
        WriteEach(json, "indexes", alteration.Indexes, index =>
        {
            json.WriteStartObject();
            json.WriteString("name", index.Name);
            json.WriteString("table", index.Table);
            json.WriteBoolean("concurrently", index.Concurrently);
            json.WriteEndObject();
        });
        WriteEach(json, "changes", alteration.Changes, change =>
        {
            json.WriteStartObject();
            json.WriteString("what", change.What switch
            {
                ChangeKind.Created => "created",
                ChangeKind.Dropped => "dropped",
                ChangeKind.Renamed => "renamed",
                _ => "altered",
            });
            json.WriteString("kind", change.Kind);
            json.WriteString("name", change.Name);
            json.WriteString("before", change.Before);
            json.WriteString("after", change.After);
            json.WriteEndObject();
        });
        WriteEach(json, "rows", alteration.Rows, rows =>
        {
            json.WriteStartObject();
            json.WriteString("table", rows.Table);
            json.WriteNumber("inserted", rows.Inserted);
            json.WriteNumber("updated", rows.Updated);
            json.WriteNumber("deleted", rows.Deleted);
            json.WriteEndObject();
        });
        json.WriteEndObject();
    }

    private static void WriteEach<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            write(item);
        }

        json.WriteEndArray();
    }

    private static double Round(double seconds) => Math.Round(seconds, 6);
}
