using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Asks the operator before a step that the program cannot undo.</summary>
internal static class Confirmation
{
    /// <param name="question">Ends with a question mark.</param>
    /// <param name="yes">The answer is yes without a question (<c>--yes</c>).</param>
    /// <param name="logger">Logs the question when it is not asked.</param>
    /// <returns>False also without a terminal.</returns>
    public static bool Ask(string question, bool yes, ILogger logger)
    {
        if (yes)
        {
            logger.Confirmed(question);
            return true;
        }

        if (Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return false;
        }

        Console.Error.Write($"{OneLine.Escape(question)} [y/N] ");
        return Console.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }
}
