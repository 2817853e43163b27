using System.Security.Cryptography;
using System.Text;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// What a PostgreSQL server stores instead of a password (RFC 5802, and <c>scram_build_secret</c> in PostgreSQL's
/// <c>scram-common.c</c>). A statement that sets it tells the server and its log no password.
/// </summary>
internal static class ScramVerifier
{
    /// <summary>PostgreSQL's own default (<c>scram_iterations</c>).</summary>
    private const int Iterations = 4096;

    private const int SaltLength = 16;

    /// <param name="password">As node-postgres sends it: without SASLprep.</param>
    public static string Of(string password) => Of(password, RandomNumberGenerator.GetBytes(SaltLength));

    /// <param name="password">See <see cref="Of(string)"/>.</param>
    /// <param name="salt">Random bytes.</param>
    internal static string Of(string password, byte[] salt)
    {
        var salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(password), salt, Iterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var server = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}" +
            $"${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}";
    }
}
