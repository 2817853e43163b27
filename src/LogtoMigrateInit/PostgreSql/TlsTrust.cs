using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Judges a server's certificate as Node.js would for <c>sslmode=require</c>: chain and host name, with the authorities of
/// <c>NODE_EXTRA_CA_CERTS</c> in addition. The roots are the system's, where Node.js has its own bundle.
/// </summary>
internal sealed class TlsTrust(ServerTarget target)
{
    /// <summary>Identifies the connection attempt inside the TLS callback, which receives no connection.</summary>
    private readonly AsyncLocal<Attempt?> _attempt = new();

    /// <summary>Begins an attempt to connect: a rejection in this flow of execution belongs to it.</summary>
    public Attempt BeginAttempt() => _attempt.Value = new Attempt();

    public void Configure(SslClientAuthenticationOptions tls)
    {
        // Npgsql would send ~/.postgresql/postgresql.crt; node-postgres sends none.
        tls.ClientCertificateContext = null;
        tls.CertificateChainPolicy = NewPolicy([]); // the judgement is the callback's
        tls.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            Accept(certificate as X509Certificate2, chain, errors);
    }

    private bool Accept(X509Certificate2? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (target.Tls == TlsMode.Unverified)
        {
            return true;
        }

        // .NET falls back to the common name for an address; Node.js wants it among the alternative names.
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

    /// <summary>Looks up neither revocation nor a missing issuer in the network, as Node.js does not either.</summary>
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
            // Node.js warns about an unreadable file and continues without it. So do we; the rejection has the cause.
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
        /// <summary>Why the certificate was rejected, as a clause for the operator; null when it was not, or none was seen.</summary>
        public string? Rejection { get; set; }
    }
}
