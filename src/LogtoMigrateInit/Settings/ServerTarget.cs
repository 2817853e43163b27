namespace LogtoMigrateInit.Settings;

/// <summary>One database on one server, with the credentials and the trust that Logto uses for it. Every field is complete: nothing is read from a variable later.</summary>
internal sealed record ServerTarget
{
    /// <summary>The URL that Logto's own programs get.</summary>
    public required UrlForLogto Url { get; init; }

    /// <summary>A host name, an address, or the folder of a Unix socket.</summary>
    public required string Host { get; init; }

    public required int Port { get; init; }

    /// <summary>The database's name.</summary>
    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>Null: none was given.</summary>
    public required string? Password { get; init; }

    public required TlsMode Tls { get; init; }

    /// <summary><c>PGSSLNEGOTIATION=direct</c>: TLS from the first byte.</summary>
    public required bool DirectTls { get; init; }

    /// <summary>PEM file with further certificate authorities (<c>NODE_EXTRA_CA_CERTS</c>); null when unset.</summary>
    public required string? ExtraCaCertificates { get; init; }

    /// <summary><c>PGOPTIONS</c>; null when unset.</summary>
    public required string? PgOptions { get; init; }

    /// <summary>Another database of the same server, for our own connections. The URL stays that of the first one.</summary>
    public ServerTarget Named(string database) => this with { Database = database };

    /// <summary>Another database of the same server, for our own connections and for Logto's CLI.</summary>
    /// <param name="database">Its name.</param>
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

/// <summary>How a connection is encrypted, and what is checked; see <see cref="DatabaseUrl.Tls"/>.</summary>
internal enum TlsMode
{
    /// <summary>Plaintext.</summary>
    Off,

    /// <summary>Encrypted; every certificate is accepted.</summary>
    Unverified,

    /// <summary>Encrypted; the chain and the host name of the server's certificate are checked.</summary>
    Verified,
}
