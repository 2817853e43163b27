using System.Globalization;
using LogtoMigrateInit.Settings;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace LogtoMigrateInit.Reporting;

/// <summary>Creates the logger. It writes to standard error, because standard output is for the commands' reports.</summary>
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

    // StandardStream writes these lines itself, because the logger is in the middle of another line then.
    private static string RemarkAsText(string sentence) => string.Create(
        CultureInfo.InvariantCulture,
        $"{DateTimeOffset.Now:yyyy-MM-ddTHH:mm:ss.fffK} WRN {sentence}");

    private static string RemarkAsJson(string sentence) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"@t":"{{DateTime.UtcNow:O}}","@m":"{{sentence}}","@l":"Warning"}""");
}
