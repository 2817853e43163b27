using Serilog.Events;
using Serilog.Formatting;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// Writes each event on exactly one line. A JSON parser turns the escapes back into the characters. In a text log, the lines of an
/// exception follow, indented.
/// </summary>
/// <param name="inner">Formats the event.</param>
/// <param name="exceptions">Whether to write exceptions, because <paramref name="inner"/> does not.</param>
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
