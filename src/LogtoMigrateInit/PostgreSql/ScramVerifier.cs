using System.Security.Cryptography;
using System.Text;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Computes the verifier that a PostgreSQL server stores instead of a password (RFC 5802, and <c>scram_build_secret</c> in PostgreSQL's
/// <c>scram-common.c</c>). A statement with a verifier does not reveal the password to the server and its log.
/// </summary>
internal static class ScramVerifier
{
    /// <summary>PostgreSQL's default (<c>scram_iterations</c>).</summary>
    private const int Iterations = 4096;

    private const int SaltLength = 16;

    /// <param name="password">The password without SASLprep, as node-postgres sends it.</param>
    public static string Of(string password) => Of(password, RandomNumberGenerator.GetBytes(SaltLength));

    /// <param name="salt">Random bytes. Tests pass fixed ones.</param>
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
