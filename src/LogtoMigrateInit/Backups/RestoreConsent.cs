namespace LogtoMigrateInit.Backups;

/// <summary>The operator's consent so far, and a way to ask for more.</summary>
/// <param name="IsConfirmed"><c>--yes</c>.</param>
/// <param name="Accepted">The changes of access that <c>--accept</c> names.</param>
/// <param name="MayAsk">Whether there is a terminal.</param>
/// <param name="Ask">Asks a question at the terminal, and logs one that <c>--yes</c> answers (the second argument).</param>
internal sealed record RestoreConsent(
    bool IsConfirmed, IReadOnlySet<string> Accepted, bool MayAsk, Func<string, bool, bool> Ask)
{
    /// <summary>Whether the operator agrees; <c>--yes</c> is enough.</summary>
    public bool Confirms(string question) => Ask(question, IsConfirmed);

    /// <summary>Whether the operator agrees to changes of access; <c>--yes</c> is not enough.</summary>
    public bool Accepts(string question) => Ask(question, false);
}
