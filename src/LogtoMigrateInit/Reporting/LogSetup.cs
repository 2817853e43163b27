using System.Globalization;
using LogtoMigrateInit.Settings;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace LogtoMigrateInit.Reporting;

/// <summary>Logs go to standard error; standard output belongs to what <c>check</c> prints.</summary>
internal static class LogSetup
{
    private const string TextTemplate = "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffK} {Level:u3} {Message:lj}";

    public static Logger Create(LogOptions options)
    {
        StandardStream.TakeOverError(options.Json ? RemarkAsJson : RemarkAsText);
        ITextFormatter format = options.Json
            ? new SentenceJsonFormatter()
            : new MessageTemplateTextFormatter(TextTemplate, CultureInfo.InvariantCulture);
        return new LoggerConfiguration()
            .MinimumLevel.Is(options.Level)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .WriteTo.Console(new OneLineFormatter(format, exceptions: !options.Json), standardErrorFromLevel: LevelAlias.Minimum)
            .CreateLogger();
    }

    // The logger cannot write these lines: it is in the middle of another one.
    private static string RemarkAsText(string sentence) => string.Create(
        CultureInfo.InvariantCulture,
        $"{DateTimeOffset.Now:yyyy-MM-ddTHH:mm:ss.fffK} WRN {sentence}");

    private static string RemarkAsJson(string sentence) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"@t":"{{DateTime.UtcNow:O}}","@m":"{{sentence}}","@l":"Warning"}""");
}
