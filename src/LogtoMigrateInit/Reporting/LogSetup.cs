using System.Globalization;
using LogtoMigrateInit.Configuration;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;

namespace LogtoMigrateInit.Reporting;

/// <summary>Logs go to standard error; standard output belongs to what <c>check</c> prints.</summary>
internal static class LogSetup
{
    private const string TextTemplate = "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffK} {Level:u3} {Message:lj}";

    public static Logger Create(LogOptions options)
    {
        ITextFormatter format = options.Json
            ? new RenderedCompactJsonFormatter()
            : new MessageTemplateTextFormatter(TextTemplate, CultureInfo.InvariantCulture);
        return new LoggerConfiguration().MinimumLevel.Is(options.Level).MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .WriteTo.Console(new OneLineFormatter(format, exceptions: !options.Json), standardErrorFromLevel: LevelAlias.Minimum)
            .CreateLogger();
    }
}
