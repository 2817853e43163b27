using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Checks a server's certificate as Node.js does for <c>sslmode=require</c>: the chain, with the additional authorities of
/// <c>NODE_EXTRA_CA_CERTS</c>, and the host name. It uses the system's roots, while Node.js has its own bundle.
/// </summary>
internal sealed class TlsTrust(ServerTarget target)
{
    /// <summary>Identifies the connection attempt inside the TLS callback, which receives no connection.</summary>
    private readonly AsyncLocal<Attempt?> _attempt = new();

    /// <summary>Begins an attempt to connect. A rejection in the same flow of execution is stored in it.</summary>
    public Attempt BeginAttempt() => _attempt.Value = new Attempt();

    public void Configure(SslClientAuthenticationOptions tls)
    {
        // Npgsql would send ~/.postgresql/postgresql.crt. node-postgres sends no client certificate.
        tls.ClientCertificateContext = null;
        tls.CertificateChainPolicy = NewPolicy([]); // the callback decides
        tls.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            Accept(certificate as X509Certificate2, chain, errors);
    }

    private bool Accept(X509Certificate2? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (target.Tls == TlsMode.Unverified)
        {
            return true;
        }

        // For an address, .NET also accepts the common name. Node.js accepts only alternative names.
        if (certificate is not null
            && IPAddress.TryParse(target.Host, out _)
            && !certificate.MatchesHostname(target.Host, allowWildcards: true, allowCommonName: false))
        {
            errors |= SslPolicyErrors.RemoteCertificateNameMismatch;
        }

        var rejection = Reject(certificate, presented, errors);
        _attempt.Value!.Rejection = rejection;
        return rejection is null;
    }

    /// <returns>Null when the certificate is trusted.</returns>
    private string? Reject(X509Certificate2? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            return "the server sent no certificate";
        }

        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? $"its certificate is for {certificate.GetNameInfo(X509NameType.DnsName, false)}, not for {target.Host}"
            : RejectChain(certificate, presented?.ChainPolicy.ExtraStore ?? []);
    }

    private string? RejectChain(X509Certificate2 certificate, X509Certificate2Collection sent)
    {
        var trusted = ReadExtraAuthorities();
        var reason = Reject(certificate, sent, trusted);
        foreach (var files in SystemRoots.Sources())
        {
            if (reason is null)
            {
                break;
            }

            trusted.AddRange(SystemRoots.FindIssuersOf([certificate, .. sent], files));
            reason = Reject(certificate, sent, trusted);
        }

        return reason;
    }

    /// <returns>Null when the chain ends at a trusted root.</returns>
    private static string? Reject(X509Certificate2 certificate, X509Certificate2Collection sent, X509Certificate2Collection trusted)
    {
        using var chain = new X509Chain { ChainPolicy = NewPolicy(trusted) };
        chain.ChainPolicy.ExtraStore.AddRange(sent);
        return chain.Build(certificate) ? null : Describe(chain);
    }

    /// <summary>Returns a policy that, like Node.js, does not look up revocations or missing issuers in the network.</summary>
    private static X509ChainPolicy NewPolicy(X509Certificate2Collection trusted)
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            ApplicationPolicy = { new Oid("1.3.6.1.5.5.7.3.1") }, // server authentication
            TrustMode = X509ChainTrustMode.CustomRootTrust,
        };
        policy.CustomTrustStore.AddRange(trusted);
        return policy;
    }

    private X509Certificate2Collection ReadExtraAuthorities()
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            if (target.ExtraCaCertificates is { } file)
            {
                certificates.ImportFromPemFile(file);
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // Node.js warns about an unreadable file and continues without it. This program continues too, and the rejection has the cause.
        }

        return certificates;
    }

    private static IEnumerable<string> Reasons(X509Chain chain) =>
        chain.ChainStatus.Select(status => status.StatusInformation.Trim().TrimEnd('.')).Distinct();

    private static string Describe(X509Chain chain) =>
        string.Join(", ", Reasons(chain)) is { Length: > 0 } reasons
            ? $"its certificate is not trusted: {reasons}"
            : "its certificate is not trusted";

    /// <summary>One attempt to connect.</summary>
    internal sealed class Attempt
    {
        /// <summary>A clause: why the certificate was rejected. Null when it was accepted, or when the server sent none.</summary>
        public string? Rejection { get; set; }
    }
}
