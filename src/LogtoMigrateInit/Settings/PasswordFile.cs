using System.Globalization;
using System.Text;
using LogtoMigrateInit.Platform;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// The password file that node-postgres reads (npm's <c>pgpass</c>, <c>lib/helper.js</c>) when neither <c>DB_URL</c> nor <c>PGPASSWORD</c>
/// has a password. Each line is <c>host:port:database:user:password</c>.
/// </summary>
internal static class PasswordFile
{
    private const int ShortestLine = 11;

    private const UnixFileMode OpenToOthers =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Returns the file's name: <c>PGPASSFILE</c>, else <c>~/.pgpass</c>. A relative name starts in Logto's folder.</summary>
    public static string Locate(IReadOnlyDictionary<string, string> environment, string logtoDirectory)
    {
        var file = environment.GetValueOrDefault("PGPASSFILE") is { Length: > 0 } named
            ? named
            : Path.Combine(environment.GetValueOrDefault("HOME") ?? "", ".pgpass");
        return Path.Combine(logtoDirectory, file);
    }

    /// <summary>Finds the password of the last line that matches, as npm's pgpass does.</summary>
    /// <param name="file">The name of a file that may be missing.</param>
    /// <param name="address">The server, the database and the user of the connection.</param>
    /// <param name="ignored">
    /// The reason why the program does not use an existing file; null when it uses the file or the file is missing.
    /// </param>
    /// <returns>Null when no line matches.</returns>
    public static string? Find(string file, (string Host, int Port, string Database, string User) address, out string? ignored)
    {
        ignored = null;
        try
        {
            if (!File.Exists(file))
            {
                return null;
            }

            if ((File.GetUnixFileMode(file) & OpenToOthers) != UnixFileMode.None)
            {
                ignored = "its mode opens it to group or others (node-postgres wants 0600 or less)";
                return null;
            }

            // A pipe may never end, and node-postgres reads only plain files.
            using var stream = PlainFile.TryOpen(file, FileAccess.Read);
            if (stream is null)
            {
                ignored = "it is not a plain file";
                return null;
            }

            using var reader = new StreamReader(stream);
            return reader.ReadToEnd().Split('\n')
                .Select(line => ReadLine(line.TrimEnd('\r')))
                .LastOrDefault(fields => fields is not null && Fits(fields, address))?[4];
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            ignored = unreadable.Message;
            return null;
        }
    }

    /// <returns>Null when the line is too short, is an indented comment, or does not have five fields that are all filled.</returns>
    private static string[]? ReadLine(string line)
    {
        if (line.Length < ShortestLine || (char.IsWhiteSpace(line[0]) && line.TrimStart().StartsWith('#')))
        {
            return null;
        }

        var fields = new List<string>();
        var start = 0;
        for (var index = 1; index < line.Length && fields.Count < 4; index++)
        {
            if (line[index] == ':' && line[index - 1] != '\\')
            {
                fields.Add(Unescape(line[start..index]));
                start = index + 1;
            }
        }

        fields.Add(Unescape(line[start..]));
        return fields is { Count: 5 } && fields.TrueForAll(field => field.Length > 0) ? [.. fields] : null;
    }

    private static bool Fits(string[] fields, (string Host, int Port, string Database, string User) address) =>
        Matches(fields[0], address.Host)
        && (fields[1] == "*" || IsPort(fields[1], address.Port))
        && Matches(fields[2], address.Database)
        && Matches(fields[3], address.User);

    private static bool IsPort(string field, int port) =>
        int.TryParse(field, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) && number == port;

    private static bool Matches(string field, string value) => field == "*" || field == value;

    /// <summary>Removes a backslash before a colon or a backslash.</summary>
    private static string Unescape(string field)
    {
        var text = new StringBuilder(field.Length);
        for (var index = 0; index < field.Length; index++)
        {
            if (field[index] == '\\' && index + 1 < field.Length && field[index + 1] is ':' or '\\')
            {
                index++;
            }

            text.Append(field[index]);
        }

        return text.ToString();
    }
}
