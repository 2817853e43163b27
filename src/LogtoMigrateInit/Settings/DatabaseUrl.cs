using System.Globalization;
using System.Text;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// <c>DB_URL</c> as Logto reads it: a WHATWG URL, percent-decoded (<c>parseDsn</c> of <c>@silverhand/slonik</c>). Logto uses only the
/// parameters <c>sslmode</c> and <c>application_name</c>. A missing part is null; node-postgres's variables supply it.
/// </summary>
/// <param name="Text">The URL as given, without the white space that the WHATWG parser drops. Holds the password: never show it.</param>
/// <param name="Host">Null when the URL names none.</param>
/// <param name="Port">Null when the URL names none, or 0.</param>
/// <param name="User">Null when the URL names none.</param>
/// <param name="Password">Null when the URL names none.</param>
/// <param name="Database">Never empty: the CLI refuses a URL without a database.</param>
/// <param name="SslMode">The last <c>sslmode</c>; null when it is missing or empty.</param>
/// <param name="IgnoredParameters">Names of parameters that Logto silently ignores.</param>
internal sealed record DatabaseUrl(
    string Text,
    string? Host,
    int? Port,
    string? User,
    string? Password,
    string Database,
    string? SslMode,
    IReadOnlyList<string> IgnoredParameters)
{
    // The WHATWG parser drops control characters and spaces at both ends.
    private static readonly char[] Blanks = [.. Enumerable.Range(0, 33).Select(code => (char)code)];

    /// <summary>
    /// The encryption that slonik uses (<c>createConnectionConfiguration</c>). An unknown <c>sslmode</c> means plaintext.
    /// </summary>
    public TlsMode Tls => SslMode switch
    {
        "require" => TlsMode.Verified,
        "no-verify" => TlsMode.Unverified,
        _ => TlsMode.Off,
    };

    /// <summary>A value of <c>sslmode</c> that slonik does not know; null when there is none.</summary>
    public string? UnknownSslMode => SslMode is "disable" or "require" or "no-verify" ? null : SslMode;

    /// <summary>Reads a URL as Logto does.</summary>
    /// <exception cref="FormatException">
    /// Logto cannot use the URL. The message has the reason and the right form, and no part that may be secret.
    /// </exception>
    public static DatabaseUrl Parse(string input)
    {
        // The WHATWG parser drops tabs and line ends everywhere.
        var text = string.Concat(input.Where(character => character is not ('\t' or '\n' or '\r'))).Trim(Blanks);
        if (UrlMistake.Describe(text) is { } mistake)
        {
            throw new FormatException(mistake);
        }

        var afterScheme = text[(text.IndexOf("://", StringComparison.Ordinal) + "://".Length)..];
        RefuseMisplacedCharacter(afterScheme);
        var address = afterScheme.Split('#')[0];
        var (beforeQuery, query) = Cut(address, '?');
        var (authority, path) = Cut(beforeQuery, '/');

        var at = authority.LastIndexOf('@');
        var (user, password) = at < 0 ? ("", "") : Cut(authority[..at], ':');
        var (host, port) = ParseHost(authority[(at + 1)..], mustBeNamed: at >= 0);

        var database = Decode(DropDotSegments(path), "database name");
        if (database.Length == 0)
        {
            throw new FormatException("names no database: it ends with /database, as in postgresql://user:password@host:5432/logto");
        }

        var parameters = ParseQuery(query);
        if (parameters.GetValueOrDefault("application_name", "").Contains('\0', StringComparison.Ordinal))
        {
            throw new FormatException(ZeroByteIn("application_name"));
        }

        return new DatabaseUrl(
            text,
            NullIfEmpty(host),
            port,
            NullIfEmpty(Decode(user, "user")),
            NullIfEmpty(Decode(password, "password")),
            database,
            NullIfEmpty(parameters.GetValueOrDefault("sslmode", "")),
            [.. parameters.Keys.Where(name => name is not ("sslmode" or "application_name"))]);
    }

    private static (string Host, int? Port) ParseHost(string text, bool mustBeNamed)
    {
        if (text.StartsWith('['))
        {
            throw new FormatException(
                "has an IPv6 address in brackets as its host, which Logto cannot reach " +
                "(node-postgres looks the brackets up as a name); use a host name");
        }

        if (text.Contains(',', StringComparison.Ordinal))
        {
            throw new FormatException(
                "names several hosts (with ',' between them) and Logto's driver knows one; use the name of the primary's service, or a " +
                "proxy before the servers");
        }

        var (host, portText) = Cut(text, ':');
        if (host.Length == 0 && (mustBeNamed || text.Length > 0))
        {
            throw new FormatException("names no host between the user and the port");
        }

        var odd = host.FirstOrDefault(character => !char.IsAsciiLetterOrDigit(character) && character is not ('.' or '-' or '_'));
        if (odd != '\0')
        {
            throw new FormatException($"has the character '{odd}' in its host name, which Logto cannot resolve");
        }

        if (portText.Length == 0)
        {
            return (host, null);
        }

        return portText.All(char.IsAsciiDigit)
            && int.TryParse(portText, CultureInfo.InvariantCulture, out var port)
            && port <= ushort.MaxValue
            ? (host, port == 0 ? null : port)
            : throw new FormatException("has a port that is no number from 1 to 65535");
    }

    /// <summary>
    /// Refuses an '@' after the first '/', '?' or '#'. Reason: an unencoded password may contain these characters. Then the program would
    /// take the rest of the password for the host, the port, the database or a parameter, connect to it, and log it. Logto accepts such a
    /// URL, but only its author knows which '@' ends the password.
    /// </summary>
    private static void RefuseMisplacedCharacter(string afterScheme)
    {
        var end = afterScheme.IndexOfAny(['#', '?', '/']);
        if (end >= 0 && afterScheme[end..].Contains('@', StringComparison.Ordinal))
        {
            var character = afterScheme[end].ToString();
            throw new FormatException(
                $"has an '@' behind its first '{character}', so nobody can tell where its password ends: in the user or the password " +
                $"that character must be written as {Uri.EscapeDataString(character)}, and an '@' behind it as %40");
        }
    }

    private static string DropDotSegments(string path)
    {
        var kept = new List<string>();
        foreach (var segment in path.Split('/'))
        {
            switch (segment.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase))
            {
                case ".":
                    break;
                case "..":
                    kept.RemoveRange(Math.Max(0, kept.Count - 1), Math.Min(1, kept.Count));
                    break;
                default:
                    kept.Add(segment);
                    break;
            }
        }

        return kept.FirstOrDefault("");
    }

    /// <summary>Decodes as JavaScript's <c>decodeURIComponent</c> does: it accepts only percent-encoded UTF-8.</summary>
    private static string Decode(string text, string part)
    {
        string decoded;
        try
        {
            decoded = DecodeBytes(text, strict: true);
        }
        catch (Exception malformed) when (malformed is FormatException or ArgumentException)
        {
            throw new FormatException(
                $"has a '%' in its {part} that is not followed by the two hexadecimal digits of UTF-8 text; " +
                "a literal '%' is written as %25");
        }

        return decoded.Contains('\0', StringComparison.Ordinal)
            ? throw new FormatException(ZeroByteIn(part))
            : decoded;
    }

    private static string ZeroByteIn(string part) => $"has a zero byte (%00) in its {part}, which PostgreSQL cannot take";

    private static string DecodeBytes(string text, bool strict)
    {
        var source = Encoding.UTF8.GetBytes(text);
        var decoded = new List<byte>(source.Length);
        for (var index = 0; index < source.Length; index++)
        {
            var isEscaped = source[index] == '%'
                && index + 2 < source.Length
                && char.IsAsciiHexDigit((char)source[index + 1])
                && char.IsAsciiHexDigit((char)source[index + 2]);
            if (isEscaped)
            {
                decoded.Add(byte.Parse(source.AsSpan(index + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                index += 2;
            }
            else if (strict && source[index] == '%')
            {
                throw new FormatException();
            }
            else
            {
                decoded.Add(source[index]);
            }
        }

        return new UTF8Encoding(false, throwOnInvalidBytes: strict).GetString([.. decoded]);
    }

    /// <summary>Parses <c>application/x-www-form-urlencoded</c>. The last of several equal names wins.</summary>
    private static Dictionary<string, string> ParseQuery(string query)
    {
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair.Replace('+', ' '), '=');
            parameters[DecodeBytes(name, strict: false)] = DecodeBytes(value, strict: false);
        }

        return parameters;
    }

    private static (string Before, string After) Cut(string text, char separator)
    {
        var index = text.IndexOf(separator, StringComparison.Ordinal);
        return index < 0 ? (text, "") : (text[..index], text[(index + 1)..]);
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
