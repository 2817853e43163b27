using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Asks the operator before a step that the program cannot undo.</summary>
internal static class Confirmation
{
    /// <summary>Whether a terminal exists at which the program can ask.</summary>
    public static bool MayAsk => !Console.IsInputRedirected && !Console.IsErrorRedirected;

    /// <summary>Asks the question, and returns whether the operator agreed.</summary>
    /// <param name="question">A sentence that ends with a question mark.</param>
    /// <param name="yes">Agrees without asking (<c>--yes</c>), and logs the question.</param>
    /// <returns>False also when there is no terminal.</returns>
    /// <exception cref="OperationCanceledException">The program was stopped before an answer came.</exception>
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

        // .NET cannot cancel a read from a terminal. The reading thread ends with the process.
        var answer = Task.Run(Console.In.ReadLine, CancellationToken.None);
        answer.Wait(stop);
        return answer.Result?.Trim() is "y" or "Y" or "yes";
    }
}
