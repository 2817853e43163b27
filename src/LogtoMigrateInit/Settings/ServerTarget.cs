namespace LogtoMigrateInit.Settings;

/// <summary>
/// One database on one server, with Logto's credentials and trusted certificates. All fields are final: no code reads a variable later.
/// </summary>
internal sealed record ServerTarget
{
    /// <summary>The URL for Logto's own programs.</summary>
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

    /// <summary>The PEM file with additional certificate authorities (<c>NODE_EXTRA_CA_CERTS</c>); null when unset.</summary>
    public required string? ExtraCaCertificates { get; init; }

    /// <summary><c>PGOPTIONS</c>; null when unset.</summary>
    public required string? PgOptions { get; init; }

    /// <summary>Returns another database of the same server, for this program's connections only: <see cref="Url"/> stays.</summary>
    public ServerTarget Named(string database) => this with { Database = database };

    /// <summary>Returns another database of the same server, for this program's connections and for Logto's programs.</summary>
    /// <param name="searchPath">The <c>search_path</c> of all sessions in that database.</param>
    public ServerTarget Named(string database, string searchPath) => this with
    {
        Database = database,
        Url = Url.WithDatabase(database),
        PgOptions = $"{PgOptions} -c search_path={EscapeOption(searchPath)}".TrimStart(),
    };

    /// <summary>Escapes a value, because PostgreSQL splits <c>options</c> at blanks without a backslash.</summary>
    private static string EscapeOption(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal);
}

/// <summary>The encryption of a connection, and the check of the server's certificate.</summary>
internal enum TlsMode
{
    /// <summary>Plaintext.</summary>
    Off,

    /// <summary>Encrypted; every certificate is accepted.</summary>
    Unverified,

    /// <summary>Encrypted; the chain and the host name of the server's certificate are checked.</summary>
    Verified,
}
