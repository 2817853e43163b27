using System.Security.Cryptography;
using System.Text;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Scratch;

/// <summary>
/// The names of the scratch databases for one database: its name, a number, and a hash of both. So the name alone tells a scratch
/// database, from the moment that the server begins to create it, also after the run was killed.
/// </summary>
/// <param name="database">The name of Logto's database.</param>
internal sealed class ScratchNames(string database)
{
    private const string Ending = "_scratch_";

    /// <summary>PostgreSQL's longest name, in bytes (NAMEDATALEN).</summary>
    private const int LongestName = 63;

    /// <summary>Leaves space for <see cref="LogtoNames.RolePrefix"/> and <c>_default</c> in the longest name.</summary>
    private const int LongestPrefix = 26;

    /// <summary>The hexadecimal digits of the number, and of its hash.</summary>
    private const int NumberLength = 8;

    /// <summary>The beginning of <see cref="MarkOf"/>.</summary>
    public const string Mark = "made by logto-migrate-init for the database ";

    /// <summary>The beginning of all of them.</summary>
    public string Prefix { get; } = Shorten(Seedable(database), Ending, LongestPrefix) + Ending;

    private int Length => Prefix.Length + (2 * NumberLength);

    /// <summary>Returns a name that no database has.</summary>
    public string New() => Sign(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NumberLength / 2)));

    /// <summary>Whether a database of this name is one of them.</summary>
    public bool IsOurs(string name) =>
        name.Length == Length
        && name.StartsWith(Prefix, StringComparison.Ordinal)
        && name == Sign(name.Substring(Prefix.Length, NumberLength));

    /// <summary>The name of the database that one of Logto's roles is for; null: the name is too short for a scratch database's.</summary>
    /// <param name="role">
    /// Begins with <see cref="LogtoNames.RolePrefix"/> and <see cref="Prefix"/>, perhaps with underscores for hyphens.
    /// </param>
    public string? OfRole(string role)
    {
        var start = LogtoNames.RolePrefix.Length;
        return role.Length < start + Length
            ? null
            : string.Concat(Prefix, role.AsSpan(start + Prefix.Length, 2 * NumberLength));
    }

    /// <summary>The comment on a role that has another name, and was made for a scratch database that is to become the real one.</summary>
    public static string MarkOf(string name) => Mark + name;

    /// <summary>Shortens a name so that PostgreSQL does not truncate it with its ending.</summary>
    /// <param name="name">The name.</param>
    /// <param name="ending">The text that will follow it.</param>
    /// <param name="longest">The bytes available for both.</param>
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
    /// Logto's seed uses the name of a database unquoted in SQL (<c>packages/schemas/tables/_before_all.sql</c>). So other characters than
    /// lower-case letters, digits, underscores and hyphens become underscores; the hash is that of the real name.
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
