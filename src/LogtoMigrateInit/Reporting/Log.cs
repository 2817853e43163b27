using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.Reporting;

/// <summary>
/// All messages of the log. The event ids are a contract for log filters. Their bands: 1000 lifecycle, 1200 database, 1300 lock, 1400 plan,
/// 1500 deploy, 1600 verify, 1700 backup, 1800 restore, 1900 rehearsal and drift, 2000 rollback, 2100 repair.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Debug, "logto-migrate-init {Version}: {Command}")]
    public static partial void Started(this ILogger logger, string version, string command);

    [LoggerMessage(1001, LogLevel.Information, "{Message} (exit code 0)")]
    public static partial void Succeeded(this ILogger logger, string message);

    [LoggerMessage(1002, LogLevel.Error, "{Message} (exit code {ExitCode})")]
    public static partial void Failed(this ILogger logger, string message, int exitCode);

    [LoggerMessage(1003, LogLevel.Critical, "Unexpected error")]
    public static partial void Crashed(this ILogger logger, Exception error);

    [LoggerMessage(1005, LogLevel.Warning, "The program could not write the termination log {File}: {Reason}")]
    public static partial void TerminationLogFailed(this ILogger logger, string file, string reason);

    [LoggerMessage(1006, LogLevel.Warning, "Stopping after {Signal}")]
    public static partial void Stopping(this ILogger logger, string signal);

    [LoggerMessage(1200, LogLevel.Information, "Waiting for the database at {Host}:{Port}: {Reason} (giving up in {SecondsLeft:0} s)")]
    public static partial void WaitingForServer(this ILogger logger, string host, int port, string reason, double secondsLeft);

    [LoggerMessage(1201, LogLevel.Information, "Created the database {Database}")]
    public static partial void CreatedDatabase(this ILogger logger, string database);

    [LoggerMessage(
        1202, LogLevel.Warning,
        "DB_URL has sslmode={SslMode}, which Logto does not know. Logto connects without TLS, and so does this program. Next: " +
        "write sslmode=require (checks the certificate) or sslmode=no-verify")]
    public static partial void UnknownSslMode(this ILogger logger, string sslMode);

    [LoggerMessage(1203, LogLevel.Warning, "DB_URL has parameters that Logto ignores: {Names}")]
    public static partial void IgnoredParameters(this ILogger logger, string names);

    [LoggerMessage(
        1207, LogLevel.Warning,
        "Neither DB_URL nor PGPASSWORD has a password, and Logto does not read the password file {FileAndReason}")]
    public static partial void IgnoredPasswordFile(this ILogger logger, string fileAndReason);

    [LoggerMessage(
        1210, LogLevel.Warning,
        "The password of the database has fewer than {Characters} characters, so the program cannot hide it in what Logto's CLI prints. " +
        "Next: choose a longer one")]
    public static partial void ShortPassword(this ILogger logger, int characters);

    [LoggerMessage(
        1211, LogLevel.Warning,
        "The file {File} names another database than this program's DB_URL. Logto reads it where its own environment has no DB_URL. " +
        "Next: give both the same DB_URL, or remove it from the file")]
    public static partial void ContradictingDotEnv(this ILogger logger, string file);

    [LoggerMessage(1204, LogLevel.Warning, "The server is {Kind}. Nothing is pending, so Logto can start, but it cannot write")]
    public static partial void ServerIsReadOnly(this ILogger logger, string kind);

    [LoggerMessage(
        1205, LogLevel.Information,
        "The server is {Kind}, and the database has to be changed. Waiting for a server that accepts writes (giving up in " +
        "{SecondsLeft:0} s)")]
    public static partial void WaitingForWritableServer(this ILogger logger, string kind, double secondsLeft);

    [LoggerMessage(
        1206, LogLevel.Warning,
        "The index {Index} is invalid, so PostgreSQL does not use it. Next: run `logto-migrate-init repair`, which builds it again")]
    public static partial void InvalidIndex(this ILogger logger, string index);

    [LoggerMessage(1209, LogLevel.Warning, "{Warning}")]
    public static partial void StartWarning(this ILogger logger, string warning);

    [LoggerMessage(1300, LogLevel.Information, "Another session holds the migration lock: {Holder}. Waiting for it")]
    public static partial void WaitingForLock(this ILogger logger, string holder);

    [LoggerMessage(1301, LogLevel.Debug, "Took the migration lock")]
    public static partial void LockTaken(this ILogger logger);

    [LoggerMessage(1302, LogLevel.Error, "The migration lock is lost: {Reason}")]
    public static partial void LockLost(this ILogger logger, string reason);

    [LoggerMessage(
        1303, LogLevel.Information,
        "A session of an earlier, killed run is still active: {Session}, running: {Query}. Waiting for it")]
    public static partial void WaitingForOrphan(this ILogger logger, string session, string query);

    [LoggerMessage(
        1304, LogLevel.Warning,
        "Terminated a session of another run's CLI, because that run no longer holds the lock: {Session}")]
    public static partial void EndedSession(this ILogger logger, string session);

    [LoggerMessage(
        1305, LogLevel.Information,
        "Another process runs Logto's CLI in {Folder}, and two would destroy each other's scripts. Waiting for it")]
    public static partial void WaitingForFolder(this ILogger logger, string folder);

    [LoggerMessage(
        1400, LogLevel.Information,
        "Pending: {Pending} of the {Shipped} alterations of Logto {Version} (state {State}, target {Target})")]
    public static partial void PlannedDeploy(this ILogger logger, int pending, int shipped, string version, string state, string target);

    [LoggerMessage(1401, LogLevel.Information, "The database {Database} is empty. Seeding it with Logto {Version}")]
    public static partial void PlannedSeed(this ILogger logger, string database, string version);

    [LoggerMessage(1402, LogLevel.Information, "Waiting for another process to migrate: {Reason}")]
    public static partial void WaitingForMatch(this ILogger logger, string reason);

    [LoggerMessage(1500, LogLevel.Debug, "Running Logto's CLI: {Arguments}")]
    public static partial void StartingCli(this ILogger logger, string arguments);

    [LoggerMessage(1501, LogLevel.Information, "{Finished}/{Planned} {Version} {Name} {Seconds:0.00} s")]
    public static partial void AlterationDeployed(
        this ILogger logger, int finished, int planned, string version, string name, double seconds);

    [LoggerMessage(1502, LogLevel.Information, "Logto's CLI ({Stream}): {Line}")]
    public static partial void CliLine(this ILogger logger, string stream, string line);

    [LoggerMessage(1503, LogLevel.Information, "Still running after {Seconds:0} s: {What}")]
    public static partial void StillRunning(this ILogger logger, double seconds, string what);

    [LoggerMessage(
        1504, LogLevel.Warning,
        "The migration waits for a lock of {Session}, running: {Query}. Next: if it does not end, run select " +
        "pg_terminate_backend({Pid}). To see hidden queries, grant pg_read_all_stats")]
    public static partial void Blocked(this ILogger logger, string session, string query, int pid);

    [LoggerMessage(
        1505, LogLevel.Warning,
        "Dropped the index {Index} on {Table}, which an interrupted run left behind {Kind}. Its alteration builds it again")]
    public static partial void IndexDropped(this ILogger logger, string index, string table, string kind);

    [LoggerMessage(
        1511, LogLevel.Information,
        "Dropping the index {Index} on {Table}, which an interrupted run left behind {Kind}. This waits for transactions that " +
        "use the table")]
    public static partial void DroppingIndex(this ILogger logger, string index, string table, string kind);

    [LoggerMessage(
        1506, LogLevel.Warning,
        "Logto's CLI {Version} stops every statement after 60 s, and only 1.36.0 and newer can change that. A longer index " +
        "build fails and is repaired at the next start")]
    public static partial void OldStatementTimeout(this ILogger logger, string version);

    [LoggerMessage(
        1507, LogLevel.Warning,
        "A connection pooler answers for the server, so the program sends no options. Logto's CLI needs PgBouncer's {Setting}. " +
        "A statement_timeout or lock_timeout of the role or the database applies to the deploy")]
    public static partial void PoolerTakesNoOptions(this ILogger logger, string setting);

    [LoggerMessage(
        1514, LogLevel.Warning,
        "Other sessions wait behind the migration, which waits too: {Sessions}, the first for {Seconds:0} s")]
    public static partial void OthersWait(this ILogger logger, string sessions, double seconds);

    [LoggerMessage(
        1515, LogLevel.Warning,
        "Canceled the alteration, because {Reason}. Trying again in {Seconds:0} s (attempt {Attempt} of {Attempts})")]
    public static partial void RetryingAlteration(this ILogger logger, string reason, double seconds, int attempt, int attempts);

    [LoggerMessage(
        1813, LogLevel.Warning,
        "Old backups stay, because this user cannot read the server's identifier, and so cannot tell them from those of another" +
        " server. Next: grant execute on function pg_control_system() to this user, or remove old backups by hand")]
    public static partial void BackupsNotPruned(this ILogger logger);

    [LoggerMessage(1508, LogLevel.Warning, "The server was too full or too busy for Logto's CLI. Trying again")]
    public static partial void RetryingConnection(this ILogger logger);

    [LoggerMessage(1512, LogLevel.Information, "Only {Free} more connections are possible. Waiting until Logto's CLI can connect")]
    public static partial void WaitingForRoom(this ILogger logger, long free);

    [LoggerMessage(1509, LogLevel.Warning, "Logto's CLI failed (exit code {ExitCode}: {Complaint}), but the schema is up to date")]
    public static partial void CliFailedButApplied(this ILogger logger, int? exitCode, string complaint);

    [LoggerMessage(
        1510, LogLevel.Warning,
        "The alteration {Alteration} contains an index build that the program cannot parse. Next: if an earlier run was " +
        "interrupted in it, look for a left-over index first")]
    public static partial void UnclearScript(this ILogger logger, string alteration);

    [LoggerMessage(1600, LogLevel.Information, "Logged in as {Succeeded} of {Tried} of Logto's own roles ({Count} in all): {Roles}")]
    public static partial void TriedLogins(this ILogger logger, int succeeded, int tried, long count, string roles);

    [LoggerMessage(1601, LogLevel.Warning, "Nobody can work as {Role}, the role of another tenant than 'default' and 'admin': {Reason}")]
    public static partial void LoginOfOtherTenantFailed(this ILogger logger, string role, string reason);

    [LoggerMessage(1513, LogLevel.Warning, "The migration waits for {What}. Next: {Remedy}")]
    public static partial void Waits(this ILogger logger, string what, string remedy);

    [LoggerMessage(
        1700, LogLevel.Information,
        "Backing up the database {Database} ({Megabytes:0} MB on the server) to {Folder} with pg_dump {Version}")]
    public static partial void BackingUp(this ILogger logger, string database, double megabytes, string folder, string version);

    [LoggerMessage(1701, LogLevel.Information, "Still backing up after {Seconds:0} s: {Megabytes:0} MB so far")]
    public static partial void StillDumping(this ILogger logger, double megabytes, double seconds);

    [LoggerMessage(
        1702, LogLevel.Information,
        "Backed up to {File}: {Megabytes:0.0} MB, {Rows} rows in {Tables} tables, verified by {Verified}, {Seconds:0.00} s")]
    public static partial void BackedUp(
        this ILogger logger, string file, double megabytes, long rows, int tables, string verified, double seconds);

    [LoggerMessage(1703, LogLevel.Information, "Removed the old backup {File}")]
    public static partial void PrunedBackup(this ILogger logger, string file);

    [LoggerMessage(1704, LogLevel.Warning, "Removed {File}, an incomplete backup that a killed run left behind")]
    public static partial void RemovedPartialBackup(this ILogger logger, string file);

    [LoggerMessage(1705, LogLevel.Warning, "The backup folder {Folder} is lost with the container: {Reason}. Next: mount a volume there")]
    public static partial void BackupFolderDoesNotLast(this ILogger logger, string folder, string reason);

    [LoggerMessage(1706, LogLevel.Debug, "{Line}")]
    public static partial void ToolLine(this ILogger logger, string line);

    [LoggerMessage(1707, LogLevel.Information, "Restoring {File} into a scratch database to compare it row for row")]
    public static partial void VerifyingByRestore(this ILogger logger, string file);

    [LoggerMessage(1708, LogLevel.Warning, "Removed the scratch database {Database}, which a killed run left behind")]
    public static partial void RemovedScratch(this ILogger logger, string database);

    [LoggerMessage(1709, LogLevel.Warning, "The scratch database {Database} could not be removed ({Reason}). The next run removes it")]
    public static partial void ScratchLeft(this ILogger logger, string database, string reason);

    [LoggerMessage(1710, LogLevel.Warning, "A backup before the deploy would fail, and then nothing would be deployed: {Reason}")]
    public static partial void BackupWouldFail(this ILogger logger, string reason);

    [LoggerMessage(1711, LogLevel.Warning, "The old backup {File} could not be removed: {Reason}")]
    public static partial void PruningFailed(this ILogger logger, string file, string reason);

    [LoggerMessage(
        1712, LogLevel.Warning,
        "These objects changed during the dump, so a restore does not compare their definitions: {Objects}")]
    public static partial void ChangedWhileDumped(this ILogger logger, string objects);

    [LoggerMessage(1714, LogLevel.Warning, "A restore by user {User} on this server would leave out: {Objects}")]
    public static partial void RestoreWouldLeaveOut(this ILogger logger, string user, string objects);

    [LoggerMessage(
        1715, LogLevel.Warning,
        "The scratch database {Database} exists: a backup, restore or rehearsal uses it, or a killed one left it behind. Next: " +
        "if none is running, the next restore or rehearsal removes it")]
    public static partial void ScratchIsThere(this ILogger logger, string database);

    [LoggerMessage(1716, LogLevel.Debug, "The program did not look for scratch databases: {Reason}")]
    public static partial void ScratchNotSeen(this ILogger logger, string reason);

    [LoggerMessage(
        1717, LogLevel.Warning,
        "The definitions of the database's objects could not be read, so a restore does not compare them")]
    public static partial void DefinitionsNotRead(this ILogger logger);

    [LoggerMessage(1800, LogLevel.Information, "Restoring {File} beside the database {Database}")]
    public static partial void Restoring(this ILogger logger, string file, string database);

    [LoggerMessage(
        1801, LogLevel.Information,
        "The backup is from {TakenAt:yyyy-MM-dd HH:mm:ss} UTC, {Age}: state {State}, rows: {Rows}, tables: {Tables}")]
    public static partial void BackupIs(this ILogger logger, DateTime takenAt, string age, string state, long rows, int tables);

    [LoggerMessage(
        1802, LogLevel.Warning,
        "Newer than the backup, and only in the old database, which is kept: new users: {Users}, users who signed in: " +
        "{SignIns}, latest log entry: {Latest}")]
    public static partial void NewerThanBackup(this ILogger logger, long users, long signIns, string latest);

    [LoggerMessage(1812, LogLevel.Information, "No user has registered or signed in since the backup")]
    public static partial void NothingNewer(this ILogger logger);

    [LoggerMessage(
        1803, LogLevel.Information,
        "Logto's roles do not exist on this server ({Parent}). The restore creates them with the passwords in the backup")]
    public static partial void RolesWillBeMade(this ILogger logger, string parent);

    [LoggerMessage(
        1804, LogLevel.Warning,
        "Left out: {Objects}. Next: a superuser can create them afterwards from `pg_restore --file=- {File}`")]
    public static partial void LeftOut(this ILogger logger, string objects, string file);

    [LoggerMessage(
        1805, LogLevel.Warning,
        "These roles do not exist on this server, so the restore leaves out their grants: {Roles}. Next: to keep the grants, " +
        "create the roles first")]
    public static partial void MissingGrantees(this ILogger logger, string roles);

    [LoggerMessage(
        1806, LogLevel.Warning,
        "Another session is connected, and the restore terminates it after the confirmation if this user has the right: " +
        "{Session}")]
    public static partial void SessionInTheWay(this ILogger logger, string session);

    [LoggerMessage(1807, LogLevel.Warning, "Left out: `{Statement}` failed: {Reason}")]
    public static partial void NotCarriedOver(this ILogger logger, string statement, string reason);

    [LoggerMessage(
        1808, LogLevel.Warning,
        "{File} has no record beside it ({Record}). The program reads it to its end, but does not compare its rows, owners and " +
        "rights")]
    public static partial void NoRecord(this ILogger logger, string file, string record);

    [LoggerMessage(
        1809, LogLevel.Warning,
        "This server does not know the locale of the dumped database ({Locale}). The new database gets the server's own, which " +
        "may sort texts differently")]
    public static partial void LocaleNotKnown(this ILogger logger, string locale);

    [LoggerMessage(
        1815, LogLevel.Information,
        "A running Logto exits when the database is replaced. Next: restart it afterwards. With REDIS_URL it may show old " +
        "values for up to 30 minutes")]
    public static partial void LogtoStopsWithSwap(this ILogger logger);

    [LoggerMessage(
        1816, LogLevel.Warning,
        "The record is of an older version and has no catalog, so owners, rights and definitions are not compared")]
    public static partial void NoCatalog(this ILogger logger);

    [LoggerMessage(1817, LogLevel.Information, "The new database has all {Count} objects of the backup, with the same {Aspects}")]
    public static partial void ObjectsAreTheSame(this ILogger logger, int count, string aspects);

    [LoggerMessage(1818, LogLevel.Warning, "Different from the backup: {Objects}: {What}")]
    public static partial void DifferentAfterRestore(this ILogger logger, string objects, string what);

    [LoggerMessage(1819, LogLevel.Debug, "`{Statement}` failed: {Reason}")]
    public static partial void StatementRefused(this ILogger logger, string statement, string reason);

    [LoggerMessage(1811, LogLevel.Information, "Still restoring after {Seconds:0} s")]
    public static partial void StillRestoring(this ILogger logger, double seconds);

    [LoggerMessage(1810, LogLevel.Warning, "{Question} Yes (--yes)")]
    public static partial void Confirmed(this ILogger logger, string question);

    [LoggerMessage(
        1900, LogLevel.Information,
        "Rehearsing on a copy of the database with {Rows}: alterations: {Pending} (the real database has {Megabytes:0} MB)")]
    public static partial void Rehearsing(this ILogger logger, int pending, string rows, double megabytes);

    [LoggerMessage(1901, LogLevel.Debug, "Rehearsed {Finished}/{Planned} {Version} {Name} {Seconds:0.00} s")]
    public static partial void AlterationRehearsed(
        this ILogger logger, int finished, int planned, string version, string name, double seconds);

    [LoggerMessage(1907, LogLevel.Debug, "Logto's CLI on the copy ({Stream}): {Line}")]
    public static partial void CliLineOnCopy(this ILogger logger, string stream, string line);

    [LoggerMessage(
        2000, LogLevel.Information,
        "Alterations to revert for Logto {Version}: {Count} (state {State}, afterwards {StateAfter})")]
    public static partial void PlannedRollback(this ILogger logger, int count, string version, string state, string stateAfter);

    [LoggerMessage(2001, LogLevel.Information, "{Finished}/{Planned} reverted {Version} {Name} {Seconds:0.00} s")]
    public static partial void AlterationReverted(
        this ILogger logger, int finished, int planned, string version, string name, double seconds);

    [LoggerMessage(2002, LogLevel.Warning, "The rollback loses {Loss}")]
    public static partial void RollbackLoses(this ILogger logger, string loss);

    [LoggerMessage(2003, LogLevel.Warning, "The schema was not compared with the copy: {Reason}")]
    public static partial void RolledBackUncompared(this ILogger logger, string reason);

    [LoggerMessage(
        2004, LogLevel.Warning,
        "{Alteration} is deployed, but the indexes that it builds outside its transaction are missing: {Indexes}. An " +
        "interrupted rollback leaves this. Next: finish it with `logto-migrate-init rollback VERSION`, or build them as " +
        "`beforeUp` in that file does")]
    public static partial void MissingIndexes(this ILogger logger, string alteration, string indexes);

    [LoggerMessage(1902, LogLevel.Information, "Rehearsed: {Summary}")]
    public static partial void Rehearsed(this ILogger logger, string summary);

    [LoggerMessage(1903, LogLevel.Information, "Still copying rows after {Seconds:0} s: {Megabytes:0} MB so far")]
    public static partial void StillCopying(this ILogger logger, double megabytes, double seconds);

    [LoggerMessage(1904, LogLevel.Information, "Another run uses scratch databases of this one. Waiting for it")]
    public static partial void WaitingForScratch(this ILogger logger);

    [LoggerMessage(1905, LogLevel.Information, "Comparing the schema with what this image itself creates in a scratch database")]
    public static partial void ComparingSchema(this ILogger logger);

    [LoggerMessage(
        1908, LogLevel.Information,
        "Starting Logto {Version} on {Place}, on 127.0.0.1 only; with this program it needs {Megabytes} MB of memory")]
    public static partial void StartingServer(this ILogger logger, string version, string place, int megabytes);

    [LoggerMessage(1909, LogLevel.Information, "Logto on {Place} {Answered}")]
    public static partial void ServerAnswered(this ILogger logger, string place, string answered);

    [LoggerMessage(1910, LogLevel.Information, "Logto was not started on the copy: {Reason}")]
    public static partial void ServerNotStarted(this ILogger logger, string reason);

    [LoggerMessage(1911, LogLevel.Debug, "The started Logto ({Stream}): {Line}")]
    public static partial void ServerLine(this ILogger logger, string stream, string line);

    [LoggerMessage(
        1912, LogLevel.Warning,
        "The rotation of a signing key is due for {Tenants}: the start of Logto carries it out, as the next start would anyway")]
    public static partial void RotationIsDue(this ILogger logger, string tenants);

    [LoggerMessage(2100, LogLevel.Information, "Applied the SQL for: {Problem}")]
    public static partial void RepairApplied(this ILogger logger, string problem);

    [LoggerMessage(2101, LogLevel.Warning, "Not repaired: {Problem}: {Reason}")]
    public static partial void NotRepaired(this ILogger logger, string problem, string reason);

    [LoggerMessage(2102, LogLevel.Information, "Repairing, which may take as long as its table is large: {Problem}")]
    public static partial void RepairingIndex(this ILogger logger, string problem);
}
