using System.Security.Cryptography;
using System.Text;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Scratch;

/// <summary>
/// The names of the scratch databases for one database. Each contains its name, a random number, and a hash of both. So the name alone
/// identifies a scratch database, even if the run was killed while the server created it.
/// </summary>
/// <param name="database">The name of Logto's database.</param>
internal sealed class ScratchNames(string database)
{
    private const string Ending = "_scratch_";

    /// <summary>PostgreSQL's longest name, in bytes (NAMEDATALEN).</summary>
    private const int LongestName = 63;

    /// <summary>
    /// The longest prefix in bytes. It leaves space for <see cref="LogtoNames.RolePrefix"/> and <c>_default</c> in a role's name.
    /// </summary>
    private const int LongestPrefix = 26;

    /// <summary>The number of hexadecimal digits of the random number, and of the hash.</summary>
    private const int NumberLength = 8;

    /// <summary>The beginning of <see cref="MarkOf"/>.</summary>
    public const string Mark = "made by logto-migrate-init for the database ";

    /// <summary>The beginning of all names.</summary>
    public string Prefix { get; } = Shorten(Seedable(database), Ending, LongestPrefix) + Ending;

    private int Length => Prefix.Length + (2 * NumberLength);

    /// <summary>Returns a new random name.</summary>
    public string New() => Sign(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NumberLength / 2)));

    /// <summary>Whether a name is that of a scratch database for this database.</summary>
    public bool IsOurs(string name) =>
        name.Length == Length
        && name.StartsWith(Prefix, StringComparison.Ordinal)
        && name == Sign(name.Substring(Prefix.Length, NumberLength));

    /// <summary>Returns the name of the scratch database of one of Logto's roles; null when the role's name is too short.</summary>
    /// <param name="role">
    /// A name that begins with <see cref="LogtoNames.RolePrefix"/> and <see cref="Prefix"/>, perhaps with underscores for hyphens.
    /// </param>
    public string? OfRole(string role)
    {
        var start = LogtoNames.RolePrefix.Length;
        return role.Length < start + Length
            ? null
            : string.Concat(Prefix, role.AsSpan(start + Prefix.Length, 2 * NumberLength));
    }

    /// <summary>
    /// Returns the comment on a role that a restore created for a scratch database. The role's name does not show that, because the
    /// database will become the real one.
    /// </summary>
    public static string MarkOf(string name) => Mark + name;

    /// <summary>Shortens a name so that PostgreSQL does not truncate the name with its ending.</summary>
    /// <param name="ending">The text that will follow the name.</param>
    /// <param name="longest">The most bytes for both.</param>
    public static string Shorten(string name, string ending, int longest = LongestName)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        var length = Math.Min(bytes.Length, longest - ending.Length);
        while (length < bytes.Length && (bytes[length] & 0xC0) == 0x80)
        {
            length--; // not in the middle of a character
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    /// <summary>
    /// Replaces all ASCII characters except lower-case letters, digits, underscores and hyphens by underscores. Reason: Logto's seed uses
    /// the name of the database unquoted in SQL (<c>packages/schemas/tables/_before_all.sql</c>). The hash is that of the real name.
    /// </summary>
    private static string Seedable(string name) => string.Concat(name.Select(character =>
        !char.IsAscii(character) || char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '_' or '-'
            ? character
            : '_'));

    private string Sign(string number)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{number} {database}"));
        return Prefix + number + Convert.ToHexStringLower(hash)[..NumberLength];
    }
}
