using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// The root certificates that the system trusts. It loads only the roots that matter to one certificate. Reason: .NET reads all files in
/// /etc/ssl/certs before the first check. Measured: that takes three times as long as the rest of a run with nothing pending.
/// </summary>
internal static partial class SystemRoots
{
    private const string FileVariable = "SSL_CERT_FILE";
    private const string DirectoryVariable = "SSL_CERT_DIR";
    private const string DefaultDirectory = "/etc/ssl/certs";

    /// <summary>The files with all roots on Debian, on Alpine, and on Red Hat's systems.</summary>
    private static readonly string[] Bundles =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"];

    /// <summary>Stops .NET from reading the system's roots. From then on the program must pass all trusted roots to it.</summary>
    /// <remarks>
    /// Call it in <c>Main</c>: other threads may read the C library's variables while this changes them
    /// (https://www.gnu.org/software/libc/manual/html_node/Environment-Access.html).
    /// </remarks>
    public static void Hide()
    {
        // .NET's TLS reads the C library's variables, which Environment.SetEnvironmentVariable does not change. This program and its child
        // processes use .NET's copy of the variables, so create that copy first.
        _ = Environment.GetEnvironmentVariables();
        const string Nowhere = "/nonexistent";
        _ = SetVariable(FileVariable, Nowhere, 1);
        _ = SetVariable(DirectoryVariable, Nowhere, 1);
    }

    /// <summary>
    /// Returns the files with roots, in the order of the search: first the file with all roots, then the folder with one file each.
    /// </summary>
    public static IEnumerable<IReadOnlyList<string>> Sources()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } file)
        {
            yield return [file];
        }
        else if (Bundles.FirstOrDefault(File.Exists) is { } bundle)
        {
            yield return [bundle];
        }

        var directory = Environment.GetEnvironmentVariable(DirectoryVariable) is { Length: > 0 } chosen ? chosen : DefaultDirectory;
        if (Directory.Exists(directory))
        {
            yield return Directory.GetFiles(directory);
        }
    }

    /// <summary>
    /// Returns the certificates in the files that contain the name of an issuer. Usually these are the issuers' certificates.
    /// </summary>
    public static X509Certificate2Collection FindIssuersOf(IEnumerable<X509Certificate2> certificates, IEnumerable<string> files)
    {
        var issuers = certificates.Select(certificate => certificate.IssuerName.RawData).ToArray();
        var found = new X509Certificate2Collection();
        foreach (var root in files.SelectMany(ReadCertificates).Where(root => issuers.Any(issuer => root.AsSpan().IndexOf(issuer) >= 0)))
        {
            try
            {
                found.Add(X509CertificateLoader.LoadCertificate(root));
            }
            catch (CryptographicException)
            {
                // A damaged certificate is not trusted.
            }
        }

        return found;
    }

    private static List<byte[]> ReadCertificates(string file)
    {
        var certificates = new List<byte[]>();
        try
        {
            var text = File.ReadAllText(file).AsSpan();
            while (PemEncoding.TryFind(text, out var fields))
            {
                var certificate = new byte[fields.DecodedDataLength];
                if (Convert.TryFromBase64Chars(text[fields.Base64Data], certificate, out _))
                {
                    certificates.Add(certificate);
                }

                text = text[fields.Location.End..];
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            // An unreadable file adds no trust. If a root is missing, the rejection has the cause.
        }

        return certificates;
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
