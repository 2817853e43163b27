using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;
using Serilog.Formatting.Json;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes Serilog's compact format (https://clef-json.org) with a rendered message. Serilog's own formatter would put quotes around each
/// text inside the message.
/// </summary>
internal sealed class SentenceJsonFormatter : ITextFormatter
{
    private readonly JsonValueFormatter _values = new("$type");
    private readonly MessageTemplateTextFormatter _sentence = new("{Message:lj}", CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var sentence = new StringWriter(CultureInfo.InvariantCulture);
        _sentence.Format(logEvent, sentence);
        output.Write($"{{\"@t\":\"{logEvent.Timestamp.UtcDateTime:O}\",\"@m\":");
        JsonValueFormatter.WriteQuotedJsonString(sentence.ToString(), output);
        output.Write($",\"@i\":\"{EventIdHash.Compute(logEvent.MessageTemplate.Text):x8}\"");
        if (logEvent.Level != LogEventLevel.Information)
        {
            output.Write($",\"@l\":\"{logEvent.Level}\"");
        }

        if (logEvent.Exception is { } exception)
        {
            output.Write(",\"@x\":");
            JsonValueFormatter.WriteQuotedJsonString(exception.ToString(), output);
        }

        foreach (var (name, value) in logEvent.Properties)
        {
            output.Write(',');
            JsonValueFormatter.WriteQuotedJsonString(name, output);
            output.Write(':');
            _values.Format(value, output);
        }

        output.WriteLine('}');
    }
}
