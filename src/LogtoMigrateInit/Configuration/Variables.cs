namespace LogtoMigrateInit.Configuration;

/// <summary>One variable of the contract, as the README's table shows it.</summary>
internal sealed record Variable(string Name, string Default);

/// <summary>The names and defaults that the README promises; a test holds the two together.</summary>
internal static class Variables
{
    public const string Prefix = "LOGTO_INIT_";

    public static readonly Variable DatabaseUrl = new("DB_URL", "");
    public static readonly Variable DatabaseUrlFile = new("DB_URL_FILE", "");
    public static readonly Variable LogtoDirectory = new("LOGTO_INIT_LOGTO_DIR", "/etc/logto");
    public static readonly Variable ExpectedVersion = new("LOGTO_INIT_EXPECTED_VERSION", "");
    public static readonly Variable Seed = new("LOGTO_INIT_SEED", "false");
    public static readonly Variable SeedArguments = new("LOGTO_INIT_SEED_ARGUMENTS", "");
    public static readonly Variable Ahead = new("LOGTO_INIT_AHEAD", "fail");
    public static readonly Variable Repair = new("LOGTO_INIT_REPAIR", "true");
    public static readonly Variable ConnectTimeout = new("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "60");
    public static readonly Variable LockTimeout = new("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "3600");
    public static readonly Variable LockLease = new("LOGTO_INIT_LOCK_LEASE_SECONDS", "60");
    public static readonly Variable DeployTimeout = new("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "0");
    public static readonly Variable DdlLockTimeout = new("LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", "0");
    public static readonly Variable LogFormat = new("LOGTO_INIT_LOG_FORMAT", "text");
    public static readonly Variable LogLevel = new("LOGTO_INIT_LOG_LEVEL", "information");
    public static readonly Variable TerminationLog = new("LOGTO_INIT_TERMINATION_LOG", "/dev/termination-log");
    public static readonly Variable Node = new("LOGTO_INIT_NODE", "node");
    public static readonly Variable BackupDirectory = new("LOGTO_INIT_BACKUP_DIR", "");
    public static readonly Variable BackupKeep = new("LOGTO_INIT_BACKUP_KEEP", "3");
    public static readonly Variable BackupVerify = new("LOGTO_INIT_BACKUP_VERIFY", "read");
    public static readonly Variable DirectUrl = new("LOGTO_INIT_DIRECT_URL", "");
    public static readonly Variable PostgresPrograms = new("LOGTO_INIT_PG_BIN", "");
    public static readonly Variable Rehearse = new("LOGTO_INIT_REHEARSE", "off");
    public static readonly Variable RehearseMaximum = new("LOGTO_INIT_REHEARSE_MAX_SECONDS", "0");
    public static readonly Variable ScratchUrl = new("LOGTO_INIT_SCRATCH_URL", "");
    public static readonly Variable ScratchMaximum = new("LOGTO_INIT_SCRATCH_MAX_MB", "2048");

    public static readonly IReadOnlyList<Variable> All =
    [
        DatabaseUrl, DatabaseUrlFile, LogtoDirectory, ExpectedVersion, Seed, SeedArguments, Ahead, Repair, ConnectTimeout,
        LockTimeout, LockLease, DeployTimeout, DdlLockTimeout, LogFormat, LogLevel, TerminationLog, Node, BackupDirectory, BackupKeep, BackupVerify, DirectUrl, PostgresPrograms,
        Rehearse, RehearseMaximum, ScratchUrl, ScratchMaximum,
    ];
}
