using System.Text.Encodings.Web;
using System.Text.RegularExpressions;

namespace LogtoMigrateInit.Processes;

/// <summary>
/// Masks secrets in a program's output: the database's password in its usual encodings, the password of any database URL or SQL statement,
/// and the password that a seed generates.
/// </summary>
internal sealed partial class SecretMask(string? databasePassword)
{
    private const string Mask = "***";

    // The characters that JavaScript's encodeURIComponent and encodeURI do not encode, but .NET does.
    private const string UnescapedInComponents = "!'()*";
    private const string UnescapedInUrls = "!'()*;,/?:@&=+$#";

    /// <summary>
    /// The least length of a masked password, or of a line of one. A shorter one is often part of other words, and a mask inside a word
    /// would reveal it.
    /// </summary>
    public const int Shortest = 4;

    /// <summary>The encodings of the password. The longest come first, because a longer one may contain a shorter one.</summary>
    private readonly string[] _spellings =
    [
        .. Secrets(databasePassword ?? "")
            .SelectMany(Spellings)
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .OrderByDescending(spelling => spelling.Length),
    ];

    public string Apply(string line)
    {
        var masked = _spellings.Aggregate(line, (text, spelling) => text.Replace(spelling, Mask, StringComparison.OrdinalIgnoreCase));
        masked = UrlPassword().Replace(masked, $"$1{Mask}@");
        return SqlPassword().Replace(BaseRolePassword().Replace(masked, $"$1 {Mask}"), $"$1 {Mask}");
    }

    private static IEnumerable<string> Secrets(string password) =>
        password.Split('\n', '\r').Prepend(password).Where(line => line.Length >= Shortest);

    private static string[] Spellings(string secret)
    {
        var percent = Uri.EscapeDataString(secret);
        return
        [
            secret,
            percent,
            percent.Replace("%20", "+", StringComparison.Ordinal),
            Uri.EscapeDataString(percent),
            Decode(percent, UnescapedInComponents),
            Decode(percent, UnescapedInComponents).Replace("%20", "+", StringComparison.Ordinal),
            Decode(percent, UnescapedInUrls),
            JavaScriptEncoder.Default.Encode(secret),
            Escape(secret, Json),
            Escape(Escape(secret, Json), Json),
            Escape(secret, Inspected),
            Escape(secret, unit => $"\\u{(int)unit:x4}"),
            Escape(secret, unit => unit < 0x100 ? $"\\x{(int)unit:x2}" : $"\\u{(int)unit:x4}"),
            secret.Replace("'", "''", StringComparison.Ordinal),
        ];
    }

    private static string Decode(string percent, string characters) => characters.Aggregate(
        percent, (text, unit) => text.Replace($"%{(int)unit:X2}", $"{unit}", StringComparison.Ordinal));

    private static string Escape(string secret, Func<char, string?> escape) =>
        string.Concat(secret.Select(unit => escape(unit) ?? $"{unit}"));

    /// <summary>Escapes like JavaScript's <c>JSON.stringify</c>.</summary>
    private static string? Json(char unit) =>
        unit == '"' ? "\\\"" : Short(unit) ?? (unit < ' ' ? $"\\u{(int)unit:x4}" : null);

    /// <summary>Escapes like Node.js's <c>util.inspect</c> and PostgreSQL's <c>E'…'</c>.</summary>
    private static string? Inspected(char unit) =>
        unit == '\'' ? "\\'" : Short(unit) ?? (char.IsControl(unit) ? $"\\x{(int)unit:x2}" : null);

    private static string? Short(char unit) => unit switch
    {
        '\\' => "\\\\",
        '\b' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\f' => "\\f",
        '\r' => "\\r",
        _ => null,
    };

    // Matches the password of any PostgreSQL URL, also of another database.
    [GeneratedRegex(@"((?:postg|pg)[a-z0-9+.-]*://[^\s:/@]*:)([^\s]*)@", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UrlPassword();

    // Matches the password that `db seed --encrypt-base-role` prints (packages/cli/src/commands/database/seed/index.ts).
    [GeneratedRegex(@"(base role password:)\s*\S+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex BaseRolePassword();

    // Matches `create role … password '…'`, also in a truncated line.
    [GeneratedRegex(@"(\bpassword)\s+(?:E|U&)?'(?:''|\\'|[^'])*'?", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SqlPassword();
}
