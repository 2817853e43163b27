using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Describes to the operator how Logto's CLI ended.</summary>
internal static class CliFailure
{
    /// <summary>Returns a clause that can begin a sentence.</summary>
    public static string Describe(CliRun run, CliJob job) => run.End switch
    {
        CliEnd.ByItself when run.GuardsReason is { } reason => $"The guard ended Logto's CLI, because {reason}",
        CliEnd.TimedOut => $"Logto's CLI did not finish within {job.TimeLimit.TotalSeconds:0} s (LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS) and " +
            $"was stopped",
        CliEnd.LockLost => "The migration lock was lost, so Logto's CLI was stopped",
        CliEnd.ConnectionLost => "Logto's CLI lost its connection to the server without noticing and was stopped",
        CliEnd.ByItself when run.GaveWay is { } reason => $"The program canceled the alteration at each attempt, because {reason} " +
            "(LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS)",
        _ => $"Logto's CLI failed with exit code {run.ExitCodeText}",
    };

    /// <summary>Returns the cause that the CLI printed; empty when it printed none, or when this program stopped it.</summary>
    public static string Explain(CliRun run) => run.GuardsReason is not null || run.GaveWay is not null ? ""
        : run.Complaint.Contains("unsupported startup parameter", StringComparison.Ordinal)
            ? $"{run.Complaint}. PgBouncer needs the setting `{Outcome.PoolerSetting}`"
            : run.Complaint;
}
