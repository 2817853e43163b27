using System.Text;
using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// Recognizes texts that operators put into <c>DB_URL</c> by mistake. No sentence contains a part of the value that may be secret.
/// </summary>
internal static partial class UrlMistake
{
    private const string Form = "postgresql://user:password@host:5432/database";

    /// <summary>
    /// Schemes of other programs. slonik ignores the scheme, so the program accepts all others, such as SQLAlchemy's postgresql+psycopg2
    /// and PostGIS's postgis.
    /// </summary>
    private static readonly string[] Foreign =
    [
        "mysql", "mysqlx", "mysql2", "mariadb", "mongodb", "redis", "rediss", "amqp", "amqps", "http", "https", "ws", "wss", "ftp", "file",
        "sqlite", "sqlserver", "mssql", "oracle",
    ];

    /// <summary>
    /// Returns what the value is instead of a URL that Logto can use, and how to correct it; null when no mistake is found.
    /// </summary>
    public static string? Describe(string text) => text switch
    {
        "" => $"is empty; it takes a URL such as {Form}",
        ['"' or '\'', ..] => "begins with a quotation mark, which is part of the value here; remove the quotation marks",
        _ when Placeholder().IsMatch(text) =>
            "holds a placeholder that nothing has replaced: let the secret manager or the template fill it for this container too; " +
            "injectors often leave out init containers",
        _ when Keywords().IsMatch(text) =>
            $"holds keywords (host=… user=…) as for libpq, which Logto's driver does not read; write them as {Form}",
        _ when Assignment().IsMatch(text) => "holds a whole line of an env file (NAME=…); remove the name and the equals sign",
        _ when text.StartsWith("jdbc:", StringComparison.OrdinalIgnoreCase) => $"is a URL for Java (jdbc:…); write it as {Form}",
        _ when IsBase64OfUrl(text) =>
            "is encoded in base64; decode it (in a Secret of Kubernetes, `data` holds base64 and `stringData` the text itself)",
        _ => DescribeScheme(text),
    };

    private static string? DescribeScheme(string text)
    {
        const string Must = $"must start with postgresql:// or postgres://, as in {Form}";
        if (Scheme().Match(text) is not { Success: true } match)
        {
            return Must;
        }

        var scheme = match.Groups[1].Value;
        return Foreign.Contains(scheme.Split('+')[0], StringComparer.OrdinalIgnoreCase)
            ? $"is a URL of another kind ({scheme}://), and Logto needs PostgreSQL: it {Must}"
            : null;
    }

    private static bool IsBase64OfUrl(string text)
    {
        var bytes = new byte[text.Length];
        var padded = text.TrimEnd('=').Replace('-', '+').Replace('_', '/');
        padded = padded.PadRight((padded.Length + 3) / 4 * 4, '=');
        return Convert.TryFromBase64String(padded, bytes, out var length)
            && Encoding.UTF8.GetString(bytes.AsSpan(0, length)).Contains("://", StringComparison.Ordinal);
    }

    // RFC 3986. Without the two slashes slonik finds no host, and may take "undefined" for the database.
    [GeneratedRegex(@"^([a-z][a-z0-9+.-]*)://", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Scheme();

    // Placeholders of shells and compose (${X}, $X, $(x)), documents (<x>), Helm and Ansible ({{ x }}), Windows (%X%), bank-vaults
    // (vault:), AWS (arn:aws:, awssm://), Google (projects/x/secrets/y, gcpsm://), 1Password (op://), vals (ref+x://), and Azure's app
    // services.
    [GeneratedRegex(
        @"^(?:\$\{.*\}|\$\w+|\$\(.*\)|<.*>|\{\{.*\}\}|%\w+%|>?>?vault:.*|arn:aws[\w-]*:.*|projects/[^/]+/secrets/.*" +
        @"|(?:op|vault|secret|secrets|awssm|gcpsm|azurekv|sm|ssm)://.*|ref\+\w+://.*|@Microsoft\.KeyVault\(.*)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Placeholder();

    // https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS, and .NET's Server and Database
    [GeneratedRegex(
        @"^(?:host|hostaddr|server|port|dbname|database|user|username|user id|password|passfile|service|sslmode|application_name)\s*=",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Keywords();

    [GeneratedRegex(@"^(?:export\s+)?[a-z_]\w*\s*=", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Assignment();
}
