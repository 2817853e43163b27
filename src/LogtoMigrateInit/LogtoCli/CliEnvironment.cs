using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Builds the CLI's variables that differ from this program's environment.</summary>
internal static class CliEnvironment
{
    /// <summary>
    /// The timestamp of <c>1.0.0_rc.1-1676906977-remove-demo-app</c>. It asks a question unless <c>CI</c> is set, and so does the
    /// <c>down</c> of an older alteration.
    /// </summary>
    private const double LastAlterationThatAsks = 1676906977;

    private const int FirstWithTransactionTimeout = 170000;

    /// <summary>
    /// Returns the variables; null removes one. No <c>PGOPTIONS</c> goes through a pooler, because a pooler may reject it.
    /// </summary>
    /// <param name="target">The database for the CLI.</param>
    /// <param name="applicationName">The <c>application_name</c> of the CLI's sessions.</param>
    public static IReadOnlyDictionary<string, string?> Build(
        ProgramSettings settings, ServerTarget target, string applicationName, CliJob job)
    {
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["DB_URL"] = target.Url.WithApplicationName(applicationName),
            ["PGAPPNAME"] = applicationName, // slonik's first connection ignores the name in the URL
            ["DATABASE_STATEMENT_TIMEOUT"] = settings.StatementTimeout,
            ["FORCE_COLOR"] = "0",
            ["NO_COLOR"] = null, // Node.js warns when both are set

            // Empty and not absent, because the CLI's dotenv would fill an absent one from a `.env` file. "CI=true" changes the effect of
            // two alterations (1.17.0-1716291265, 1.18.0-1718594164), and ALTERATION_TEST skips a third.
            ["CI"] = job.Alterations.Any(alteration => alteration.Timestamp <= LastAlterationThatAsks) ? "0" : "",
            ["ALTERATION_TEST"] = "",
        };
        if (!job.Database.BehindPooler)
        {
            environment["PGOPTIONS"] = BuildServerOptions(target.PgOptions, job.Database.ServerVersion);
        }

        return environment;
    }

    // These options override the settings of the role and the database. The operator's own options come last and override these.
    private static string BuildServerOptions(string? ofUser, int serverVersion) => string.Join(' ', new[]
    {
        "-c statement_timeout=0",
        // A lock_timeout would also cancel a concurrent build that waits for older transactions; see SessionWatch.LongestQueue.
        "-c lock_timeout=0",
        "-c idle_session_timeout=0",
        serverVersion >= FirstWithTransactionTimeout ? "-c transaction_timeout=0" : null,
        "-c default_transaction_isolation=read\\ committed",

        // The server then ends a session within seconds after its client died, even during a statement.
        "-c client_connection_check_interval=2s",

        // Keep-alives from the server, as CliGuard sends them from the client: otherwise a load balancer drops a connection that is silent
        // during a long statement.
        "-c tcp_keepalives_idle=10",
        "-c tcp_keepalives_interval=10",
        "-c tcp_keepalives_count=6",
        ofUser,
    }.OfType<string>());
}
