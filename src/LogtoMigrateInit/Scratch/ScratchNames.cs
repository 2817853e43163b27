using System.Security.Cryptography;
using System.Text;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.Scratch;

/// <summary>
/// The names of the scratch databases for one database: its own, a number, and what both hash to. So one is known by its name from the moment
/// that the server begins to make it, whoever is gone by then, and nobody else's has such a name.
/// </summary>
/// <param name="database">The name of Logto's database.</param>
internal sealed class ScratchNames(string database)
{
    private const string Ending = "_scratch_";

    /// <summary>PostgreSQL's longest name, in bytes (NAMEDATALEN).</summary>
    private const int LongestName = 63;

    /// <summary>So that <see cref="LogtoNames.RolePrefix"/>, the name and <c>_default</c> fit into the longest name.</summary>
    private const int LongestPrefix = 26;

    /// <summary>Of the number, and of its hash, in hexadecimal digits.</summary>
    private const int NumberLength = 8;

    /// <summary>What all of them begin with.</summary>
    public string Prefix { get; } = Shorten(database, Ending, LongestPrefix) + Ending;

    private int Length => Prefix.Length + (2 * NumberLength);

    /// <summary>One that no database has.</summary>
    public string New() => Sign(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NumberLength / 2)));

    /// <summary>Whether a database of this name is one of them.</summary>
    public bool IsOurs(string name) =>
        name.Length == Length && name.StartsWith(Prefix, StringComparison.Ordinal) && name == Sign(name.Substring(Prefix.Length, NumberLength));

    /// <summary>The name of the database that one of Logto's roles would be for; null: it is too short for one of these.</summary>
    /// <param name="role">Begins with <see cref="LogtoNames.RolePrefix"/> and <see cref="Prefix"/>, perhaps with underscores for hyphens.</param>
    public string? OfRole(string role) =>
        role.Length >= LogtoNames.RolePrefix.Length + Length ? string.Concat(Prefix, role.AsSpan(LogtoNames.RolePrefix.Length + Prefix.Length, 2 * NumberLength)) : null;

    /// <summary>A name with an ending, cut so that PostgreSQL does not cut it.</summary>
    /// <param name="name">What is cut.</param>
    /// <param name="ending">What is to follow it.</param>
    /// <param name="longest">How many bytes there are for both.</param>
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

    private string Sign(string number) => Prefix + number + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{number} {database}")))[..NumberLength];
}
