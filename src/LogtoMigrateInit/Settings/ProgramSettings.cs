using Serilog.Events;

namespace LogtoMigrateInit.Settings;

/// <summary>The checked configuration with its defaults. Each variable in docs/reference.md has a property.</summary>
internal sealed record ProgramSettings
{
    /// <summary>Logto's database, as <c>DB_URL</c> names it.</summary>
    public required ServerTarget Main { get; init; }

    /// <summary>The same database on the server itself, when <c>DB_URL</c> goes through a pooler; null when unset.</summary>
    public ServerTarget? Direct { get; init; }

    /// <summary>The server on which copies are created; null: the real database's own.</summary>
    public ServerTarget? Scratch { get; init; }

    /// <summary>The server itself, without a pooler when <see cref="Direct"/> is set.</summary>
    public ServerTarget Server => Direct ?? Main;

    /// <summary>The URL came from <c>DB_URL_FILE</c>, which Logto itself does not read.</summary>
    public required bool DatabaseUrlIsFromFile { get; init; }

    /// <summary>An absolute path.</summary>
    public required string LogtoDirectory { get; init; }

    /// <summary>Null: any version will do.</summary>
    public required string? ExpectedVersion { get; init; }

    /// <summary>
    /// Requests without another tenant in their address go to the tenant <c>default</c>: no <c>*</c> in <c>ENDPOINT</c>, no
    /// <c>PATH_BASED_MULTI_TENANCY</c>.
    /// </summary>
    public required bool NeedsDefaultTenant { get; init; }

    public required SeedMode Seed { get; init; }

    public required IReadOnlyList<string> SeedArguments { get; init; }

    /// <summary>The highest allowed state above the target's own, in seconds since 1970; 0: none, infinite: any.</summary>
    public required double AheadLimit { get; init; }

    public required bool Repair { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan LockTimeout { get; init; }

    /// <summary>The times of the lock, derived from <c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>.</summary>
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

    /// <summary>The <c>statement_timeout</c> that Logto's own driver sends at login; null: none.</summary>
    public required string? LogtosStatementTimeout { get; init; }

    /// <summary>An <c>sslmode</c> of <c>DB_URL</c> that Logto does not know: it connects without TLS. Null when it knows it.</summary>
    public required string? UnknownSslMode { get; init; }

    /// <summary>Names of the URL's parameters that Logto ignores in silence.</summary>
    public required IReadOnlyList<string> IgnoredParameters { get; init; }

    /// <summary>The name of an existing password file that is not read, and the reason; null when there is none.</summary>
    public required string? IgnoredPasswordFile { get; init; }

    /// <summary>The <c>.env</c> file that names another database to Logto than <c>DB_URL</c> does; null when there is none.</summary>
    public required string? ContradictingDotEnv { get; init; }

    /// <summary>The folder for backups, an absolute path; null: <c>migrate</c> makes none.</summary>
    public required string? BackupDirectory { get; init; }

    /// <summary>How many backups of this database are kept; one at least.</summary>
    public required int BackupKeep { get; init; }

    public required BackupVerification BackupVerify { get; init; }

    /// <summary>The folder of <c>pg_dump</c> and <c>pg_restore</c>, an absolute path; null: the newest that is found.</summary>
    public required string? PostgresPrograms { get; init; }

    public required RehearsalMode Rehearse { get; init; }

    /// <summary>How long a rehearsed deploy may take. Zero: no limit.</summary>
    public required TimeSpan RehearsalLimit { get; init; }

    /// <summary>Whether a rehearsal ends with starting the target's Logto on the copy.</summary>
    public required bool RehearseStart { get; init; }

    /// <summary>The program and the arguments that start Logto; empty: Logto's own image is used.</summary>
    public required IReadOnlyList<string> StartCommand { get; init; }

    /// <summary>How long a started Logto may take to answer.</summary>
    public required TimeSpan StartTimeout { get; init; }

    /// <summary>The size up to which a database is copied with its rows. Zero: no limit.</summary>
    public required long ScratchMegabytes { get; init; }
}

/// <summary>The rehearsal that <c>migrate</c> makes first; the values of <c>LOGTO_INIT_REHEARSE</c>.</summary>
internal enum RehearsalMode
{
    Off,

    /// <summary>On a copy of all definitions and of the rows of small tables.</summary>
    Schema,

    /// <summary>On a copy of everything.</summary>
    Full,
}

/// <summary>How a backup is verified; the values of <c>LOGTO_INIT_BACKUP_VERIFY</c>.</summary>
internal enum BackupVerification
{
    /// <summary>The whole file is read and unpacked again.</summary>
    Read,

    /// <summary>The file is also restored into a scratch database, and compared there row for row.</summary>
    Restore,
}

/// <summary>Which databases <c>migrate</c> seeds; the values of <c>LOGTO_INIT_SEED</c>.</summary>
internal enum SeedMode
{
    False,

    /// <summary>An empty database that exists.</summary>
    True,

    /// <summary>A missing database too.</summary>
    Create,
}

/// <summary>How to log. A wrong value counts as unset, because the errors in other variables need a log too.</summary>
internal sealed record LogOptions(bool Json, LogEventLevel Level);
