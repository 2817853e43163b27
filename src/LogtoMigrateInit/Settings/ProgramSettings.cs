using Serilog.Events;

namespace LogtoMigrateInit.Settings;

/// <summary>The checked configuration, with defaults filled in.</summary>
internal sealed record ProgramSettings
{
    /// <summary>Logto's database, from <c>DB_URL</c> or <c>DB_URL_FILE</c>.</summary>
    public required ServerTarget Main { get; init; }

    /// <summary>The same database without a pooler (<c>LOGTO_INIT_DIRECT_URL</c>); null when unset.</summary>
    public ServerTarget? Direct { get; init; }

    /// <summary>The server for copies (<c>LOGTO_INIT_SCRATCH_URL</c>); null: the server of Logto's database.</summary>
    public ServerTarget? Scratch { get; init; }

    /// <summary>Logto's database, through <see cref="Direct"/> when that is set.</summary>
    public ServerTarget Server => Direct ?? Main;

    /// <summary>Whether the URL came from <c>DB_URL_FILE</c>, which Logto itself does not read.</summary>
    public required bool DatabaseUrlIsFromFile { get; init; }

    /// <summary>The absolute path of the folder in which the target is installed.</summary>
    public required string LogtoDirectory { get; init; }

    /// <summary>The required version of the target, without a leading <c>v</c>; null: any.</summary>
    public required string? ExpectedVersion { get; init; }

    /// <summary>
    /// Whether Logto sends requests to the tenant <c>default</c>. It does unless <c>ENDPOINT</c> contains a <c>*</c> or
    /// <c>PATH_BASED_MULTI_TENANCY</c> is on.
    /// </summary>
    public required bool NeedsDefaultTenant { get; init; }

    public required SeedMode Seed { get; init; }

    public required IReadOnlyList<string> SeedArguments { get; init; }

    /// <summary>The highest allowed state of a database that is ahead, in seconds since 1970. Zero: none; infinite: any.</summary>
    public required double AheadLimit { get; init; }

    public required bool Repair { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan LockTimeout { get; init; }

    /// <summary>The times of the migration lock, which depend on <c>LOGTO_INIT_LOCK_LEASE_SECONDS</c>.</summary>
    public required Timings Timings { get; init; }

    /// <summary>The longest run of Logto's CLI. Zero: no limit.</summary>
    public required TimeSpan DeployTimeout { get; init; }

    /// <summary>How long other sessions may wait behind an alteration that itself waits for a lock. Zero: no limit.</summary>
    public required TimeSpan DdlLockTimeout { get; init; }

    public required string TerminationLog { get; init; }

    public required string Node { get; init; }

    /// <summary>
    /// <c>DATABASE_STATEMENT_TIMEOUT</c> for the CLI: the operator's value, else <c>DISABLE_TIMEOUT</c>, because slonik's default of 60 s
    /// would cancel a long index build.
    /// </summary>
    public required string StatementTimeout { get; init; }

    /// <summary>The <c>statement_timeout</c> that Logto's driver sends at login, in milliseconds; null: none.</summary>
    public required string? LogtosStatementTimeout { get; init; }

    /// <summary>An <c>sslmode</c> that Logto does not know, so that it connects without TLS; null when there is none.</summary>
    public required string? UnknownSslMode { get; init; }

    /// <summary>Names of the URL's parameters that Logto silently ignores.</summary>
    public required IReadOnlyList<string> IgnoredParameters { get; init; }

    /// <summary>The name of a password file that exists but is not used, and the reason; null when there is none.</summary>
    public required string? IgnoredPasswordFile { get; init; }

    /// <summary>The path of Logto's <c>.env</c> file when its <c>DB_URL</c> names another database or login; otherwise null.</summary>
    public required string? ContradictingDotEnv { get; init; }

    /// <summary>The absolute path of the folder for backups; null: <c>migrate</c> makes none.</summary>
    public required string? BackupDirectory { get; init; }

    /// <summary>The number of backups of this database that are kept; at least one.</summary>
    public required int BackupKeep { get; init; }

    public required BackupVerification BackupVerify { get; init; }

    /// <summary>The absolute path of the folder of <c>pg_dump</c> and <c>pg_restore</c>; null: the program looks for the newest.</summary>
    public required string? PostgresPrograms { get; init; }

    public required RehearsalMode Rehearse { get; init; }

    /// <summary>The longest time for a rehearsed deploy. Zero: no limit.</summary>
    public required TimeSpan RehearsalLimit { get; init; }

    /// <summary>Whether a rehearsal also starts the target's Logto on the copy.</summary>
    public required bool RehearseStart { get; init; }

    /// <summary>The program and the arguments that start Logto; empty: Node.js with <c>.</c> in <c>packages/core</c>.</summary>
    public required IReadOnlyList<string> StartCommand { get; init; }

    /// <summary>The longest time until a started Logto answers.</summary>
    public required TimeSpan StartTimeout { get; init; }

    /// <summary>The largest database that is copied with its rows, in MiB. Zero: no limit.</summary>
    public required long ScratchMegabytes { get; init; }
}

/// <summary>The rehearsal before a deploy of <c>migrate</c>; the values of <c>LOGTO_INIT_REHEARSE</c>.</summary>
internal enum RehearsalMode
{
    Off,

    /// <summary>Rehearses on a copy of all definitions and of the rows of small tables.</summary>
    Schema,

    /// <summary>Rehearses on a copy with all rows.</summary>
    Full,
}

/// <summary>The verification of a backup; the values of <c>LOGTO_INIT_BACKUP_VERIFY</c>.</summary>
internal enum BackupVerification
{
    /// <summary>Reads and unpacks the whole file.</summary>
    Read,

    /// <summary>Also restores the file into a scratch database, and compares every row.</summary>
    Restore,
}

/// <summary>The databases that <c>migrate</c> seeds; the values of <c>LOGTO_INIT_SEED</c>.</summary>
internal enum SeedMode
{
    False,

    /// <summary>Seeds an empty database that exists.</summary>
    True,

    /// <summary>Also creates and seeds a missing database.</summary>
    Create,
}

/// <summary>
/// The format and the level of the log. A wrong value counts as unset, so that the program can log all configuration errors.
/// </summary>
internal sealed record LogOptions(bool Json, LogEventLevel Level);
