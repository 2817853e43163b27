namespace LogtoMigrateInit.Settings;

/// <summary>
/// One database on one server, with Logto's credentials and trust for it. Every field is complete: nothing reads a variable later.
/// </summary>
internal sealed record ServerTarget
{
    /// <summary>The URL that Logto's own programs get.</summary>
    public required UrlForLogto Url { get; init; }

    /// <summary>A host name, an address, or the folder of a Unix socket.</summary>
    public required string Host { get; init; }

    public required int Port { get; init; }

    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>Null when no password is configured.</summary>
    public required string? Password { get; init; }

    public required TlsMode Tls { get; init; }

    /// <summary><c>PGSSLNEGOTIATION=direct</c>: TLS from the first byte.</summary>
    public required bool DirectTls { get; init; }

    /// <summary>PEM file with further certificate authorities (<c>NODE_EXTRA_CA_CERTS</c>); null when unset.</summary>
    public required string? ExtraCaCertificates { get; init; }

    /// <summary><c>PGOPTIONS</c>; null when unset.</summary>
    public required string? PgOptions { get; init; }

    /// <summary>Returns another database of the same server, for this program's connections. The URL is not changed.</summary>
    public ServerTarget Named(string database) => this with { Database = database };

    /// <summary>Returns another database of the same server, for this program's connections and for Logto's CLI.</summary>
    /// <param name="database">The name of the database.</param>
    /// <param name="searchPath">The <c>search_path</c> of all sessions there.</param>
    public ServerTarget Named(string database, string searchPath) => this with
    {
        Database = database,
        Url = Url.WithDatabase(database),
        PgOptions = $"{PgOptions} -c search_path={EscapeOption(searchPath)}".TrimStart(),
    };

    /// <summary>PostgreSQL splits <c>options</c> at blanks that no backslash precedes.</summary>
    private static string EscapeOption(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal);
}

/// <summary>How a connection is encrypted and checked; see <see cref="DatabaseUrl.Tls"/>.</summary>
internal enum TlsMode
{
    /// <summary>Plaintext.</summary>
    Off,

    /// <summary>Encrypted; every certificate is accepted.</summary>
    Unverified,

    /// <summary>Encrypted; the chain and the host name of the server's certificate are checked.</summary>
    Verified,
}
