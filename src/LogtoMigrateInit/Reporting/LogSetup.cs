using System.Globalization;
using LogtoMigrateInit.Configuration;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Sinks.SystemConsole.Themes;

namespace LogtoMigrateInit.Reporting;

/// <summary>Logs go to standard error; standard output belongs to what <c>check</c> prints.</summary>
internal static class LogSetup
{
    private const string TextTemplate = "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffK} {Level:u3} {Message:lj}{NewLine}{Exception}";

    public static Logger Create(LogOptions options)
    {
        StandardStream.TakeOverError(options.Json ? RemarkAsJson : RemarkAsText);
        var configuration = new LoggerConfiguration().MinimumLevel.Is(options.Level).MinimumLevel.Override("Microsoft", LogEventLevel.Warning);
        return options.Json
            ? configuration.WriteTo.Console(new RenderedCompactJsonFormatter(), standardErrorFromLevel: LevelAlias.Minimum).CreateLogger()
            : configuration.WriteTo.Console(
                outputTemplate: TextTemplate, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LevelAlias.Minimum,
                theme: ConsoleTheme.None).CreateLogger();
    }

    // Not through the logger, whose line is being written just then.
    private static string RemarkAsText(string sentence) => string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.Now:yyyy-MM-ddTHH:mm:ss.fffK} WRN {sentence}");

    private static string RemarkAsJson(string sentence) => string.Create(CultureInfo.InvariantCulture, $$"""{"@t":"{{DateTime.UtcNow:O}}","@m":"{{sentence}}","@l":"Warning"}""");
}
