namespace LogtoMigrateInit.CommandLine;

/// <summary>Where reports go.</summary>
internal static class StandardOutput
{
    /// <summary>A terminal whose user has not turned colours off (https://no-color.org).</summary>
    public static bool TakesColours =>
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");

    /// <summary>Writes a report. Ignores a closed standard output or a full disk: the log and the exit code have the outcome too.</summary>
    public static async Task WriteAsync(string report)
    {
        try
        {
            await Console.Out.WriteAsync(report);
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            // The outcome does not depend on the report.
        }
    }
}
