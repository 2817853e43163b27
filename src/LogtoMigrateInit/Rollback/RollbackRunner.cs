using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rollback;

/// <summary>
/// The work of <c>rollback</c>: reverts to an older release. <see cref="LockedWork"/> takes the lock, and <see cref="DatabaseRollback"/>
/// works under it.
/// </summary>
internal sealed class RollbackRunner(ProgramSettings settings, AlterationCatalog catalog, LockedWork locked, DatabaseRollback rollback)
{
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    /// <exception cref="UnusableTargetException">The installation cannot be used.</exception>
    public Task<Outcome> RunAsync(RollbackRequest request, CancellationToken stop) => locked.RunAsync(
        new LockedTask
        {
            Settle = verdict => verdict is Verdict.Empty or Verdict.Foreign or Verdict.Damaged
                ? Outcome.Of(verdict, catalog, settings)
                : null,
            Work = (run, survey) => rollback.RunAsync(request, survey, run),
            LockLost = run => Task.FromResult<Outcome>(run.HasBegun
                ? Unfinished(request, run, Outcome.WhyLockLost)
                : new Outcome.RollbackRefused($"{Outcome.WhyLockLost}. Next: start again")),
            Unverified = (run, failure) => Unfinished(
                request, run, $"the database could not be inspected afterwards ({failure.Message.TrimEnd('.')}: {failure.Remedy})"),
        },
        stop);

    /// <summary>Returns the outcome when the program does not know how many alterations the CLI reverted.</summary>
    private static Outcome.RollbackFailed Unfinished(RollbackRequest request, LockedRun run, string reason) =>
        new(request.Version, null, run.Planned, null, reason);
}
