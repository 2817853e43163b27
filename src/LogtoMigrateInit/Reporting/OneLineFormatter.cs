using Serilog.Events;
using Serilog.Formatting;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes an event as <paramref name="inner"/> does, on exactly one line. In JSON the escapes mean what they stand for; lines of an
/// exception in a text log are indented, as no event's line is.
/// </summary>
/// <param name="inner">Formats an event, also with white space at its end.</param>
/// <param name="exceptions">Whether the exception is still to be written.</param>
internal sealed class OneLineFormatter(ITextFormatter inner, bool exceptions) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var text = new StringWriter();
        inner.Format(logEvent, text);
        output.WriteLine(OneLine.Escape(text.ToString().TrimEnd('\n')));
        if (exceptions && logEvent.Exception is { } exception)
        {
            foreach (var line in exception.ToString().Split('\n'))
            {
                output.WriteLine($"    {OneLine.Escape(line)}");
            }
        }
    }
}
