namespace LogtoMigrateInit.CommandLine;

/// <summary>Writes reports to standard output. The log goes to standard error.</summary>
internal static class StandardOutput
{
    /// <summary>Whether standard output is a terminal whose user has not turned colors off (https://no-color.org).</summary>
    public static bool TakesColours =>
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");

    /// <summary>
    /// Writes a report. Ignores a closed standard output and a full disk, because the log and the exit code have the outcome.
    /// </summary>
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
