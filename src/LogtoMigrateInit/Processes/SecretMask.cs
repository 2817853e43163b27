using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Processes;

/// <summary>
/// Removes secrets from what the CLI prints: the database's password in every spelling, the password of any other database URL or
/// SQL statement, and the one that a seed generates.
/// </summary>
internal sealed partial class SecretMask(string? databasePassword)
{
    private const string Mask = "***";

    /// <summary>A shorter line of a password of several lines says little, and would be found everywhere.</summary>
    private const int ShortestLine = 4;

    private readonly SpelledSecret[] _secrets = databasePassword is { Length: > 0 } password
        ? [.. password.Split('\n', '\r').Where(line => line.Length >= ShortestLine).Prepend(password).Distinct().Select(secret => new SpelledSecret(secret))]
        : [];

    public string Apply(string line)
    {
        var masked = _secrets.Aggregate(line, (text, secret) => secret.Hide(text, Mask));
        masked = UrlPassword().Replace(masked, $"$1{Mask}@");
        return SqlPassword().Replace(BaseRolePassword().Replace(masked, $"$1 {Mask}"), $"$1 {Mask}");
    }

    // Whatever user and password stand in a PostgreSQL URL, also one that is not ours.
    [GeneratedRegex(@"(postgres(?:ql)?://[^\s:/@]*:)([^\s]*)@", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UrlPassword();

    // `db seed --encrypt-base-role` prints it (packages/cli/src/commands/database/seed/index.ts).
    [GeneratedRegex(@"(base role password:)\s*\S+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex BaseRolePassword();

    // `create role … password '…'`, also with the end of the line cut off.
    [GeneratedRegex(@"(\bpassword)\s+(?:E|U&)?'(?:''|\\'|[^'])*'?", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SqlPassword();
}
