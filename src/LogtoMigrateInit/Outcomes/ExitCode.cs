namespace LogtoMigrateInit.Outcomes;

/// <summary>
/// The result of a run, for orchestrators that act on numbers (Kubernetes' <c>podFailurePolicy</c>). The numbers are a contract and never
/// change. docs/exit-codes.md describes each.
/// </summary>
internal enum ExitCode
{
    Success = 0,
    Unexpected = 1,
    WrongUsage = 2,
    Unreachable = 3,
    Refused = 4,
    LockTimedOut = 5,
    DeployFailed = 6,
    Unstartable = 7,
    Ahead = 8,
    Empty = 9,
    NotLogto = 10,
    TargetUnusable = 11,
    Pending = 12,
    BackupFailed = 13,
    PreflightFailed = 14,
    Drift = 15,
    RehearsalFailed = 16,
    RestoreRefused = 17,
    RestoreFailed = 18,
    Interrupted = 130,
    Terminated = 143,
}
