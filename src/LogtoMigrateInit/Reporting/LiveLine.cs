using System.Globalization;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace LogtoMigrateInit.Reporting;

/// <summary>On a terminal, the progress of a deploy as one line that moves, and that gives way to every line of the log.</summary>
internal sealed class LiveLine : ILogEventSink
{
    private const int Width = 79;
    private const int BarWidth = 10;

    // https://en.wikipedia.org/wiki/ANSI_escape_code: to the beginning of the line, and erase to its end.
    private const string Erase = "\r\e[K";

    private readonly MessageTemplateTextFormatter _format = new("{Message:lj}", CultureInfo.InvariantCulture);

    private bool _isShown;

    /// <summary>Standard error is a terminal that can move its cursor.</summary>
    public static bool IsPossible => !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Comes before the sink that writes lines; Serilog calls one after the other.</summary>
    public void Emit(LogEvent logEvent)
    {
        if (IsProgress(logEvent))
        {
            using var message = new StringWriter(CultureInfo.InvariantCulture);
            _format.Format(logEvent, message);
            var text = $"{Bar(logEvent)} {message}";
            Console.Error.Write($"{Erase}{OneLine.Escape(text.Length > Width ? $"{text[..(Width - 1)]}…" : text)}");
            _isShown = true;
        }
        else if (_isShown)
        {
            Console.Error.Write(Erase);
            _isShown = false;
        }
    }

    private static bool IsProgress(LogEvent logEvent) => logEvent.Level == LogEventLevel.Verbose && logEvent.Properties.ContainsKey("Planned");

    private static string Bar(LogEvent logEvent)
    {
        var (finished, planned) = (Number(logEvent, "Finished"), Number(logEvent, "Planned"));
        var filled = planned == 0 ? 0 : BarWidth * finished / planned;
        return $"[{new string('=', filled)}{new string(' ', BarWidth - filled)}]";
    }

    private static int Number(LogEvent logEvent, string name) => logEvent.Properties.GetValueOrDefault(name) is ScalarValue { Value: int number } ? number : 0;
}
