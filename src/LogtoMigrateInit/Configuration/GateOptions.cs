using Serilog.Events;

namespace LogtoMigrateInit.Configuration;

/// <summary>What the operator configured, checked and with defaults filled in. One property for each variable of the README's table.</summary>
internal sealed record GateOptions
{
    public required UrlForLogto DatabaseUrl { get; init; }

    /// <summary>The URL came from <c>DB_URL_FILE</c>, which Logto itself does not read.</summary>
    public required bool DatabaseUrlIsFromFile { get; init; }

    /// <summary>An absolute path.</summary>
    public required string LogtoDirectory { get; init; }

    /// <summary>Null: any version will do.</summary>
    public required string? ExpectedVersion { get; init; }

    public required SeedMode Seed { get; init; }

    public required IReadOnlyList<string> SeedArguments { get; init; }

    /// <summary>The highest state above the target's own that is no error, in seconds since 1970; 0: none, infinite: any.</summary>
    public required double AheadLimit { get; init; }

    public required bool Repair { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan LockTimeout { get; init; }

    /// <summary>How long the parts of the lock live, from <c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>.</summary>
    public required Timings Timings { get; init; }

    /// <summary>Zero: no limit.</summary>
    public required TimeSpan DeployTimeout { get; init; }

    /// <summary>Zero: no limit.</summary>
    public required TimeSpan DdlLockTimeout { get; init; }

    public required string TerminationLog { get; init; }

    public required string Node { get; init; }

    /// <summary>
    /// <c>DATABASE_STATEMENT_TIMEOUT</c> for the CLI: the user's own, else <c>DISABLE_TIMEOUT</c>, because slonik's 60 s
    /// would kill a long index build.
    /// </summary>
    public required string StatementTimeout { get; init; }

    /// <summary><c>PGOPTIONS</c>; null when unset.</summary>
    public required string? PgOptions { get; init; }

    /// <summary>PEM file with further certificate authorities, as Node.js reads it; null when unset.</summary>
    public required string? ExtraCaCertificates { get; init; }

    /// <summary><c>NODE_TLS_REJECT_UNAUTHORIZED=0</c>: Node.js accepts every certificate.</summary>
    public required bool TrustsEveryCertificate { get; init; }

    /// <summary><c>PGSSLNEGOTIATION=direct</c>: TLS from the first byte.</summary>
    public required bool DirectTls { get; init; }

    /// <summary>Where, as whom and with which password node-postgres would connect: from the URL, else from its variables.</summary>
    public required string Host { get; init; }

    public required int Port { get; init; }

    /// <summary>The database's name.</summary>
    public required string Database { get; init; }

    public required string User { get; init; }

    /// <summary>As the URL has it; null when it has none. What Logto does not know is plaintext.</summary>
    public required string? SslMode { get; init; }

    /// <summary>Names of the URL's parameters that Logto ignores in silence.</summary>
    public required IReadOnlyList<string> IgnoredParameters { get; init; }

    /// <summary>Null: none was given.</summary>
    public required string? Password { get; init; }

    /// <summary>The password in the form that SCRAM hashes; mostly the same.</summary>
    public required string? ScramPassword { get; init; }

    /// <summary>A password file that is there and not read, and why; null when there is none.</summary>
    public required string? IgnoredPasswordFile { get; init; }

    /// <summary>Where backups are put, an absolute path; null: <c>migrate</c> makes none.</summary>
    public required string? BackupDirectory { get; init; }

    /// <summary>How many backups of this database are kept; one at least.</summary>
    public required int BackupKeep { get; init; }

    public required BackupVerification BackupVerify { get; init; }

    /// <summary>The folder of <c>pg_dump</c> and <c>pg_restore</c>, an absolute path; null: the newest that is found.</summary>
    public required string? PostgresPrograms { get; init; }

    /// <summary>The same database on the server itself, where <c>DB_URL</c> goes through a pooler; null when it is not given.</summary>
    public GateOptions? Direct { get; init; }

    public required RehearsalMode Rehearse { get; init; }

    /// <summary>How long a rehearsed deploy may take. Zero: no limit.</summary>
    public required TimeSpan RehearsalLimit { get; init; }

    /// <summary>How large a database may be that is copied with its rows. Zero: no limit.</summary>
    public required long ScratchMegabytes { get; init; }

    /// <summary>The server on which copies are made; null: the one that the real database is on.</summary>
    public GateOptions? Scratch { get; init; }

    /// <summary>Another database of the same server, for the gate and for Logto's CLI.</summary>
    /// <param name="name">The database.</param>
    /// <param name="searchPath">A value of <c>search_path</c> that its sessions shall have.</param>
    public GateOptions ForDatabase(string name, string searchPath) => this with
    {
        Database = name,
        DatabaseUrl = DatabaseUrl.WithDatabase(name),
        PgOptions = $"{PgOptions} -c search_path={searchPath.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal)}".TrimStart(),
    };
}

/// <summary>What <c>migrate</c> rehearses first; the values of <c>LOGTO_INIT_REHEARSE</c>.</summary>
internal enum RehearsalMode
{
    Off,

    /// <summary>On a copy of all definitions and of the rows of small tables.</summary>
    Schema,

    /// <summary>On a copy of everything.</summary>
    Full,
}

/// <summary>How a backup is proven; the values of <c>LOGTO_INIT_BACKUP_VERIFY</c>.</summary>
internal enum BackupVerification
{
    /// <summary>The whole file is read and unpacked again.</summary>
    Read,

    /// <summary>It is also restored into a scratch database, and compared there row for row.</summary>
    Restore,
}

/// <summary>What may become a new Logto; the values of <c>LOGTO_INIT_SEED</c>.</summary>
internal enum SeedMode
{
    False,

    /// <summary>An empty database that exists.</summary>
    True,

    /// <summary>A missing database too.</summary>
    Create,
}

/// <summary>How to log; read leniently, because the complaints about the other variables need a log too.</summary>
internal sealed record LogOptions(bool Json, LogEventLevel Level);
