using System.Collections;
using System.Globalization;
using System.Net;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>
/// Builds the variables with which libpq connects like Logto (https://www.postgresql.org/docs/current/libpq-envars.html). It removes
/// libpq's other variables, because Logto ignores them, and some would change the trusted certificates or the files that are read.
/// </summary>
internal static class ToolEnvironment
{
    /// <summary>A file that does not exist. Without a name, libpq would use a file in the home folder.</summary>
    private const string NoFile = "/nonexistent";

    /// <summary>
    /// Options that override the settings of the role and the database. The tools' own settings are not enough: <c>pg_restore</c> cannot
    /// write in a read-only transaction, and it is idle while it waits for input. The operator's own options come last and override these.
    /// </summary>
    private const string WithoutLimits =
        "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 " +
        "-c default_transaction_read_only=off";

    /// <summary>Returns the variables for a tool that connects; null removes one.</summary>
    /// <param name="applicationName">The <c>application_name</c> of the tool's sessions.</param>
    /// <param name="roots">The file with the trusted authorities; null when certificates are not checked.</param>
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

    /// <summary>Returns the variables for a tool that does not connect; null removes one.</summary>
    public static Dictionary<string, string?> WithoutPostgres() => new(
        Environment.GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Select(entry => (string)entry.Key)
            .Where(IsRemoved)
            .ToDictionary(name => name, string? (_) => null),
        StringComparer.Ordinal)
    {
        ["LC_ALL"] = "C", // the program reads the tools' messages
    };

    private static bool IsRemoved(string name) =>
        name is "DB_URL"
        || name.StartsWith("PG", StringComparison.Ordinal)
        || name.StartsWith(Variables.Prefix, StringComparison.Ordinal);
}
