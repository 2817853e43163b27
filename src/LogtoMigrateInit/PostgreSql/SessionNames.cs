using System.Security.Cryptography;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>What our sessions are called on the server, by which operators and later runs know them (<c>application_name</c>).</summary>
internal static class SessionNames
{
    /// <summary>Our own connections.</summary>
    public const string Own = "logto-migrate-init";

    /// <summary>What the name of every CLI's sessions begins with, and that of every repair's.</summary>
    public const string CliPrefix = "logto-migrate-init-cli-";

    /// <summary>The name of the sessions of a Logto that is started to see whether it works.</summary>
    public static string NewServer() => $"{Own}-start-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";

    /// <summary>The name of one run's sessions, those of its CLI and of its repairs.</summary>
    public static string NewCli() => CliPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
}
