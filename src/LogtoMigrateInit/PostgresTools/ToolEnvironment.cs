using System.Collections;
using System.Globalization;
using System.Net;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// The variables with which libpq connects as Logto's <c>DB_URL</c> says (https://www.postgresql.org/docs/current/libpq-envars.html).
/// libpq's other variables are removed: Logto reads none of them, and several would change what is trusted or read.
/// </summary>
internal static class ToolEnvironment
{
    /// <summary>libpq takes a file in the home folder where none is named.</summary>
    private const string NoFile = "/nonexistent";

    /// <summary>
    /// The role or the database may have other values. The tools' own settings do not cover them: <c>pg_restore</c> cannot write in a
    /// read-only transaction, and is idle while it waits for its input. The user's own options come after these and win.
    /// </summary>
    private const string WithoutLimits =
        "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 " +
        "-c default_transaction_read_only=off";

    /// <param name="target">Where to connect, and as whom.</param>
    /// <param name="applicationName">The name of the tool's sessions.</param>
    /// <param name="roots">The file of the authorities that are trusted; null when nothing is checked.</param>
    public static IReadOnlyDictionary<string, string?> Build(ServerTarget target, string applicationName, string? roots)
    {
        var environment = WithoutPostgres();
        environment["PGHOST"] = LogtoDatabase.Reachable(target.Host);
        environment["PGPORT"] = target.Port.ToString(CultureInfo.InvariantCulture);
        environment["PGUSER"] = target.User;
        environment["PGDATABASE"] = target.Database;
        environment["PGPASSWORD"] = target.Password;
        environment["PGPASSFILE"] = "/dev/null";
        environment["PGAPPNAME"] = applicationName;
        environment["PGOPTIONS"] = $"{WithoutLimits} {target.PgOptions}".TrimEnd();
        environment["PGCONNECT_TIMEOUT"] = "30";
        environment["PGGSSENCMODE"] = "disable";
        environment["PGSSLMODE"] = target.Tls switch
        {
            TlsMode.Off => "disable",
            TlsMode.Unverified => "require",
            _ => "verify-full",
        };
        environment["PGSSLROOTCERT"] = roots ?? NoFile;
        environment["PGSSLCERT"] = NoFile;
        environment["PGSSLKEY"] = NoFile;
        environment["PGSSLCRL"] = NoFile;
        environment["PGSSLNEGOTIATION"] = target.DirectTls ? "direct" : null;
        return environment;
    }

    /// <summary>For a tool that connects to nothing.</summary>
    public static Dictionary<string, string?> WithoutPostgres() => new(
        Environment.GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Select(entry => (string)entry.Key)
            .Where(IsRemoved)
            .ToDictionary(name => name, string? (_) => null),
        StringComparer.Ordinal)
    {
        ["LC_ALL"] = "C", // we read their output
    };

    private static bool IsRemoved(string name) =>
        name is "DB_URL"
        || name.StartsWith("PG", StringComparison.Ordinal)
        || name.StartsWith(Variables.Prefix, StringComparison.Ordinal);
}
