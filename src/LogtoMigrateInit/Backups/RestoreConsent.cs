namespace LogtoMigrateInit.Backups;

/// <summary>The operator's consent from the command line, and a way to ask for more.</summary>
/// <param name="IsConfirmed">Whether <c>--yes</c> was given.</param>
/// <param name="Accepted">The changes of access in <c>--accept</c>.</param>
/// <param name="MayAsk">Whether a terminal exists.</param>
/// <param name="Ask">Asks a question at the terminal. If the second argument is true, it only logs the question and agrees.</param>
internal sealed record RestoreConsent(
    bool IsConfirmed, IReadOnlySet<string> Accepted, bool MayAsk, Func<string, bool, bool> Ask)
{
    /// <summary>Whether the operator agrees, at the terminal or by <c>--yes</c>.</summary>
    public bool Confirms(string question) => Ask(question, IsConfirmed);

    /// <summary>Whether the operator agrees to changes of access at the terminal. <c>--yes</c> is not enough.</summary>
    public bool Accepts(string question) => Ask(question, false);
}
