using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Asks the operator before a step that the program cannot undo.</summary>
internal static class Confirmation
{
    /// <summary>Whether there is a terminal to ask at.</summary>
    public static bool MayAsk => !Console.IsInputRedirected && !Console.IsErrorRedirected;

    /// <param name="question">Ends with a question mark.</param>
    /// <param name="yes">The answer is yes without a question (<c>--yes</c>).</param>
    /// <param name="logger">Logs the question when it is not asked.</param>
    /// <returns>False also without a terminal.</returns>
    /// <exception cref="OperationCanceledException">Stopped before an answer came.</exception>
    public static bool Ask(string question, bool yes, ILogger logger, CancellationToken stop)
    {
        if (yes)
        {
            logger.Confirmed(question);
            return true;
        }

        if (!MayAsk)
        {
            return false;
        }

        Console.Error.Write($"{OneLine.Escape(question)} [y/N] ");

        // A terminal cannot be read with a token. The thread that reads ends with the process.
        var answer = Task.Run(Console.In.ReadLine, CancellationToken.None);
        answer.Wait(stop);
        return answer.Result?.Trim() is "y" or "Y" or "yes";
    }
}
