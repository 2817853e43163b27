using Serilog.Events;
using Serilog.Formatting;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes an event as <paramref name="inner"/> does, on exactly one line. A JSON parser reads the escapes back as the characters. In a text
/// log the lines of an exception are indented, and those of events are not.
/// </summary>
/// <param name="inner">Formats an event, perhaps with white space at its end.</param>
/// <param name="exceptions">Whether to write the exception, because <paramref name="inner"/> does not.</param>
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
