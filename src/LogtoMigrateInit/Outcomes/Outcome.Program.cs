namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    public sealed record Unexpected(Exception Error)
        : Outcome(
            "unexpected", ExitCode.Unexpected,
            $"This is a bug in logto-migrate-init: {Error.GetType().Name}: {Error.Message} Nothing more was done. " +
            "Please report it with the log above; starting again is safe.");

    public sealed record WrongUsage(IReadOnlyList<string> Problems)
        : Outcome("wrongUsage", ExitCode.WrongUsage, $"The configuration cannot be used, and nothing was done: " +
            $"{string.Join("; ", Problems)}.");

    public sealed record WrongCommandLine(IReadOnlyList<string> Problems, IReadOnlyList<string> Hints)
        : Outcome(
            "wrongCommandLine", ExitCode.WrongUsage,
            $"The command line cannot be used, and nothing was done: {string.Join("; ", Problems.Select(each => each.TrimEnd('.')))}. " +
            string.Join(' ', Hints));

    public sealed record Installed(string File) : Outcome("installed", ExitCode.Success, $"Installed {File}.");

    public sealed record InstallFailed(string Directory, string Reason, string User)
        : Outcome(
            "installFailed", ExitCode.WrongUsage,
            $"Nothing was installed in '{Directory}': {Reason.TrimEnd('.')}. Name an existing folder that user {User} may write to.");

    /// <summary>Nothing of what the run did before is undone by it.</summary>
    public sealed record CommandNotStarted(Outcome Migrated, string Command, string Reason)
        : Outcome(
            "commandNotStarted", ExitCode.WrongUsage,
            $"The command '{Command}' could not be started: {Reason}. The database is ready for it: " +
            $"{Migrated.Message.Replace(" Logto can start.", "", StringComparison.Ordinal)} " +
            "Next: name a program of this image after `run --`, and start again.", Migrated.State);

    public sealed record TargetUnusable(string Problem) : Outcome("targetUnusable", ExitCode.TargetUnusable, Problem);

    public sealed record Stopped(ExitCode Signal, string SignalName)
        : Outcome("stopped", Signal, $"Stopped by {SignalName}. What was applied is complete, nothing stays locked, and the same " +
            $"command, started again, carries on.");
}
