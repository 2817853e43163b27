namespace LogtoMigrateInit.Settings;

/// <summary>One environment variable of the program's contract.</summary>
/// <param name="Name">The name in the environment.</param>
/// <param name="Default">The value when the variable is unset or empty; empty: none.</param>
/// <param name="Commands">The commands that read the variable.</param>
/// <param name="Meaning">The Markdown text in docs/reference.md.</param>
internal sealed record Variable(string Name, string Default, IReadOnlyList<string> Commands, string Meaning);

/// <summary>All variables. A test compares docs/reference.md with them.</summary>
internal static class Variables
{
    public const string Prefix = "LOGTO_INIT_";

    private static readonly string[] Every = ["migrate", "run", "check", "rehearse", "backup", "restore", "rollback", "repair"];

    public static readonly Variable DatabaseUrl = new(
        "DB_URL", "", Every,
        "PostgreSQL URL of Logto's database, the same value as Logto's, such as `postgres://user:password@host:5432/logto`; write `%40` " +
        "for `@`, `%2F` for `/`, `%3F` for `?` and `%23` for `#` in the password");

    public static readonly Variable DatabaseUrlFile = new(
        "DB_URL_FILE", "", Every,
        "a file with this URL in one line (docker and Kubernetes secrets), or a pipe, which is read for 10 s at most; setting both is an " +
        "error");

    public static readonly Variable LogtoDirectory = new(
        "LOGTO_INIT_LOGTO_DIR", "/etc/logto", Every,
        "where the target is installed, in the layout of Logto's image or of npm; a relative path starts in the working folder");

    public static readonly Variable ExpectedVersion = new(
        "LOGTO_INIT_EXPECTED_VERSION", "", Every,
        "when set, the target's version must equal it; `v1.43.0` is the same as `1.43.0`");

    public static readonly Variable Seed = new(
        "LOGTO_INIT_SEED", "false", ["migrate", "run", "check"],
        "for the first installation only: `true` seeds an empty database that exists, `create` also creates a missing one");

    public static readonly Variable SeedArguments = new(
        "LOGTO_INIT_SEED_ARGUMENTS", "", ["migrate", "run"],
        "more options for Logto's `db seed`, such as `--dapc --encrypt-base-role`; not those that name another database");

    public static readonly Variable Ahead = new(
        "LOGTO_INIT_AHEAD", "fail", ["migrate", "run", "check", "rehearse", "restore"],
        "`fail` or `allow` a database that is newer than the target; `allow` is right for rolling updates, in which old pods must be " +
        "able to restart; a timestamp, which `rollback` prints, allows states up to that one");

    public static readonly Variable Repair = new(
        "LOGTO_INIT_REPAIR", "true", ["migrate", "run", "rehearse", "rollback"],
        "a deploy or a rollback drops what an interrupted concurrent index build of its own left behind; the command `repair` does not " +
        "read it");

    public static readonly Variable ConnectTimeout = new(
        "LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "60", Every,
        "how long to wait for the database to accept connections, or to become writable");

    public static readonly Variable LockTimeout = new(
        "LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "3600", Every,
        "how long to wait for another replica's migration, counted from the first time that the lock was found taken");

    public static readonly Variable LockLease = new(
        "LOGTO_INIT_LOCK_LEASE_SECONDS", "60", ["migrate", "run", "rehearse", "backup", "restore", "rollback", "repair"],
        "how long a holder that is silent keeps the lock (at least 6)");

    public static readonly Variable DeployTimeout = new(
        "LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "0", ["migrate", "run", "rehearse", "rollback"],
        "upper bound of one run of the CLI; `0` is none, because a bound that is too short stops a long index build again at every start");

    public static readonly Variable DdlLockTimeout = new(
        "LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "5", ["migrate", "run", "rollback"],
        "how long other sessions may wait behind an alteration that itself waits for a lock; then it is cancelled and tried again, six " +
        "times in all, before exit code 6. It does not apply to concurrent index builds; `0` is no limit");

    public static readonly Variable LogFormat = new(
        "LOGTO_INIT_LOG_FORMAT", "text", Every,
        "`text` or `json`");

    public static readonly Variable LogLevel = new(
        "LOGTO_INIT_LOG_LEVEL", "information", Every,
        "`verbose`, `debug`, `information` (`info`), `warning` (`warn`), `error` or `fatal`");

    public static readonly Variable TerminationLog = new(
        "LOGTO_INIT_TERMINATION_LOG", "/dev/termination-log", Every,
        "a plain file in which the last line is written too, when it exists and is not the log itself");

    public static readonly Variable Node = new(
        "LOGTO_INIT_NODE", "node", ["migrate", "run", "check", "rehearse", "rollback", "repair"],
        "the Node.js executable");

    public static readonly Variable BackupDirectory = new(
        "LOGTO_INIT_BACKUP_DIR", "", ["migrate", "run", "check", "backup", "restore", "rollback", "repair"],
        "where `backup`, `rollback`, and `migrate` before the first alteration, put a verified backup; unset: `migrate` makes none. " +
        "See docs/going-back.md");

    public static readonly Variable BackupKeep = new(
        "LOGTO_INIT_BACKUP_KEEP", "3", ["migrate", "run", "backup", "rollback", "repair"],
        "how many backups of this database are kept");

    public static readonly Variable BackupVerify = new(
        "LOGTO_INIT_BACKUP_VERIFY", "read", ["migrate", "run", "backup", "rollback", "repair"],
        "`read` unpacks the whole file; `restore` also restores it into a scratch database and compares it row for row");

    public static readonly Variable DirectUrl = new(
        "LOGTO_INIT_DIRECT_URL", "", Every,
        "the same database on the server itself, where `DB_URL` goes through a pooler: for backups, restores and copies");

    public static readonly Variable PostgresPrograms = new(
        "LOGTO_INIT_PG_BIN", "", Every,
        "the folder of `pg_dump` and `pg_restore`; unset: the newest of the usual places and of `PATH`");

    public static readonly Variable Rehearse = new(
        "LOGTO_INIT_REHEARSE", "off", ["migrate", "run"],
        "`schema` or `full`: `migrate` deploys to a copy first, without or with the rows of large tables, " +
        "and does not begin what fails there. See docs/rehearsal.md");

    public static readonly Variable RehearseMaximum = new(
        "LOGTO_INIT_REHEARSE_MAX_SECONDS", "0", ["migrate", "run", "rehearse", "rollback"],
        "a rehearsed deploy that takes longer counts as failed; `0` is no limit");

    public static readonly Variable RehearseStart = new(
        "LOGTO_INIT_REHEARSE_START", "true", ["migrate", "run", "rehearse"],
        "`true`: a rehearsal ends with starting the target's Logto on the copy; `false`: it does not, as `rehearse --no-start`");

    public static readonly Variable StartCommand = new(
        "LOGTO_INIT_START_COMMAND", "", ["migrate", "run", "check", "rehearse"],
        "what starts Logto with Node.js, for images that are not Logto's own: words between blanks, run in `LOGTO_INIT_LOGTO_DIR`; " +
        "unset: `node .` in its `packages/core`");

    public static readonly Variable StartTimeout = new(
        "LOGTO_INIT_START_TIMEOUT_SECONDS", "120", ["migrate", "run", "check", "rehearse"],
        "how long a Logto that is started on the copy, or by `check --start`, may take to answer (at least 1)");

    public static readonly Variable ScratchUrl = new(
        "LOGTO_INIT_SCRATCH_URL", "", ["migrate", "run", "check", "rehearse", "rollback", "repair"],
        "a database URL of the server on which copies are made; unset: beside the real database");

    public static readonly Variable ScratchMaximum = new(
        "LOGTO_INIT_SCRATCH_MAX_MB", "2048", ["migrate", "run", "rehearse", "rollback"],
        "a database that is larger is not copied with its rows, so that a copy never fills the server's disk; `0` is no limit");

    public static readonly IReadOnlyList<Variable> All =
    [
        DatabaseUrl, DatabaseUrlFile, LogtoDirectory, ExpectedVersion, Seed, SeedArguments, Ahead, Repair, ConnectTimeout,
        LockTimeout, LockLease, DeployTimeout, DdlLockTimeout, LogFormat, LogLevel, TerminationLog, Node,
        BackupDirectory, BackupKeep, BackupVerify, DirectUrl, PostgresPrograms,
        Rehearse, RehearseMaximum, RehearseStart, StartCommand, StartTimeout, ScratchUrl, ScratchMaximum,
    ];
}
