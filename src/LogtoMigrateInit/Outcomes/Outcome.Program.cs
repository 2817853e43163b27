namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Unexpected(Exception Error)
        : Outcome(
            "unexpected", ExitCode.Unexpected,
            $"This is a bug in logto-migrate-init: {Error.GetType().Name}: {End(Error.Message)} The program stopped. " +
            "Next: start again, which is safe, and report the bug with the log above.");

    public sealed record WrongUsage(IReadOnlyList<string> Problems)
        : Outcome(
            "wrongUsage", ExitCode.WrongUsage,
            "The settings cannot be used, so nothing was done. " +
            Then(string.Join(" ", Problems.Select(each => End(Sentence(each)))), "correct this and start again."));

    public sealed record WrongCommandLine(IReadOnlyList<string> Problems, IReadOnlyList<string> Hints)
        : Outcome(
            "wrongCommandLine", ExitCode.WrongUsage,
            $"The command line cannot be used, so nothing was done. {string.Join(" ", Problems.Select(each => End(Sentence(each))))} " +
            $"Next: {string.Join(' ', Hints)}");

    public sealed record Installed(string File) : Outcome("installed", ExitCode.Success, $"Installed {File}.");

    public sealed record InstallFailed(string Directory, string Reason, string User)
        : Outcome(
            "installFailed", ExitCode.WrongUsage,
            $"Nothing was installed in '{Directory}': {End(Reason)} Next: name an existing folder that user {User} may write to.");

    /// <summary>The migration succeeded, but its command did not start. The migration stays.</summary>
    public sealed record CommandNotStarted(Outcome Migrated, string Command, string Reason)
        : Outcome(
            "commandNotStarted", ExitCode.WrongUsage,
            $"The command '{Command}' could not be started: {Reason}. The database is ready for it: " +
            $"{Migrated.Message.Replace(" Logto can start.", "", StringComparison.Ordinal)} " +
            "Next: name a program of this image after `run --`, and start again.", Migrated.State);

    public sealed record TargetUnusable(string Problem) : Outcome("targetUnusable", ExitCode.TargetUnusable, Problem);

    public sealed record Stopped(ExitCode Signal, string SignalName)
        : Outcome("stopped", Signal, $"Stopped by {SignalName}. What was applied is complete. Next: run the same command again.");
}
