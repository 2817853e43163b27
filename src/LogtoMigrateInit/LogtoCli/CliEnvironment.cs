using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>The variables that the CLI is given in addition to, or instead of, our own environment.</summary>
internal static class CliEnvironment
{
    /// <summary>
    /// <c>1.0.0_rc.1-1676906977-remove-demo-app</c>, and one before it in its <c>down</c>, ask a question unless <c>CI</c> is set to
    /// something.
    /// </summary>
    private const double LastAlterationThatAsks = 1676906977;

    private const int FirstWithTransactionTimeout = 170000;

    /// <param name="settings">The time-outs.</param>
    /// <param name="target">Where the CLI connects.</param>
    /// <param name="applicationName">The name of this run's sessions.</param>
    /// <param name="job">
    /// A pooler may reject <c>options</c>, so none are sent through it; an older server does not know all of them.
    /// </param>
    public static IReadOnlyDictionary<string, string?> Build(
        ProgramSettings settings, ServerTarget target, string applicationName, CliJob job)
    {
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["DB_URL"] = target.Url.WithApplicationName(applicationName),
            ["PGAPPNAME"] = applicationName, // slonik's first connection takes no name from the URL
            ["DATABASE_STATEMENT_TIMEOUT"] = settings.StatementTimeout,
            ["FORCE_COLOR"] = "0",
            ["NO_COLOR"] = null, // Node.js warns when both are there

            // Empty, not absent: the CLI's dotenv would add them again from a `.env` file. "CI=true" changes what two alterations
            // do (1.17.0-1716291265, 1.18.0-1718594164), and ALTERATION_TEST skips a third.
            ["CI"] = job.Alterations.Any(alteration => alteration.Timestamp <= LastAlterationThatAsks) ? "0" : "",
            ["ALTERATION_TEST"] = "",
        };
        if (!job.Database.BehindPooler)
        {
            environment["PGOPTIONS"] = BuildServerOptions(target.PgOptions, job.Database.ServerVersion);
        }

        return environment;
    }

    // What the role or the database have set must not decide how a migration runs. The user's own options come last and win.
    private static string BuildServerOptions(string? ofUser, int serverVersion) => string.Join(' ', new[]
    {
        "-c statement_timeout=0",
        "-c lock_timeout=0", // it would end a concurrent build's wait for older transactions, too; see SessionWatch.LongestQueue
        "-c idle_session_timeout=0",
        serverVersion >= FirstWithTransactionTimeout ? "-c transaction_timeout=0" : null,
        "-c default_transaction_isolation=read\\ committed",

        // A session whose client died then ends within seconds, instead of working on.
        "-c client_connection_check_interval=2s",

        // The same from the server's side as in CliGuard: a connection that is silent during a long statement is not forgotten on the way.
        "-c tcp_keepalives_idle=10",
        "-c tcp_keepalives_interval=10",
        "-c tcp_keepalives_count=6",
        ofUser,
    }.OfType<string>());
}
