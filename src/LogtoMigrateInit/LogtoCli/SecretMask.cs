using System.Text.RegularExpressions;
using LogtoMigrateInit.Configuration;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>Removes secrets from what the CLI prints: the database URL, its password in every spelling, and the password that a seed generates.</summary>
internal sealed partial class SecretMask(GateOptions options)
{
    private const string Mask = "***";

    // The longest first, so that no part of a longer spelling stays behind.
    private readonly string[] _secrets = options.Password is { Length: > 0 } password
        ? new[] { options.DatabaseUrl.Text, RawPassword(options.DatabaseUrl.Text), password, Uri.EscapeDataString(password), JsonEscape(password) }
            .Where(secret => secret.Length > 0).Distinct().OrderByDescending(secret => secret.Length).ToArray()
        : [];

    public string Apply(string line)
    {
        var masked = _secrets.Aggregate(line, (text, secret) => text.Replace(secret, Mask, StringComparison.OrdinalIgnoreCase));
        return BaseRolePassword().Replace(UrlPassword().Replace(masked, $"$1{Mask}@"), $"$1 {Mask}");
    }

    private static string RawPassword(string url) => UrlPassword().Match(url) is { Success: true } match ? match.Groups[2].Value : "";

    private static string JsonEscape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    // Whatever user and password stand in a PostgreSQL URL, also one that is not ours.
    [GeneratedRegex(@"(postgres(?:ql)?://[^\s:/@]*:)([^\s]*)@", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UrlPassword();

    // `db seed --encrypt-base-role` prints it (packages/cli/src/commands/database/seed/index.ts).
    [GeneratedRegex(@"(base role password:)\s*\S+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex BaseRolePassword();
}
