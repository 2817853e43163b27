using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.CommandLine;

/// <summary>The operator's word before something that cannot be taken back by itself.</summary>
internal static class Confirmation
{
    /// <returns>False also where nobody can be asked.</returns>
    /// <param name="question">Ends with a question mark.</param>
    /// <param name="yes">He has said so beforehand (<c>--yes</c>).</param>
    /// <param name="logger">Notes that.</param>
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
