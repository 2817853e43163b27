using System.Security.Cryptography;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>The <c>application_name</c>s of the sessions, by which operators and later runs recognize them.</summary>
internal static class SessionNames
{
    /// <summary>The name of this program's own sessions.</summary>
    public const string Own = "logto-migrate-init";

    /// <summary>
    /// The beginning of the names of <see cref="NewCli"/>. A run that holds the lock terminates sessions of other runs by it.
    /// </summary>
    public const string CliPrefix = "logto-migrate-init-cli-";

    /// <summary>Returns a new name for the sessions of a trial start of Logto.</summary>
    public static string NewServer() => $"{Own}-start-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";

    /// <summary>Returns a new name for one run's sessions of Logto's CLI, of PostgreSQL's tools, and of repairs.</summary>
    public static string NewCli() => CliPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
}
