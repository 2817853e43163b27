namespace LogtoMigrateInit.CommandLine;

/// <summary>
/// The help of each command: at most 40 lines of 100 columns. <c>HelpSpecs</c> compares it with the options, the variables and the exit
/// codes.
/// </summary>
internal static class HelpPages
{
    private const string Database = """
          DB_URL                 Logto's own: postgres://user:password@host:5432/logto
          DB_URL_FILE            instead of it: a file that holds the URL in one line
        """;

    private const string More = """
        All variables are in docs/reference.md, and all exit codes in docs/exit-codes.md of this program's
        source. About alterations: https://docs.logto.io/logto-oss/using-cli/database-alteration
        """;

    private const string Root = $"""
        Deploys Logto's pending database alterations before Logto starts, or exits with an error.

        Usage: logto-migrate-init [COMMAND] [OPTIONS]

        Commands:
          migrate             deploy what is pending, and verify the result (without a command, too)
          check               say what migrate would do; change nothing
          rehearse            deploy to a temporary copy of the database, and start Logto on it
          backup              make a verified backup
          restore [FILE]      put a backup in the place of the database; without FILE, list the backups
          rollback VERSION    revert to an older release of Logto
          repair              print the SQL for wrong roles, rights and objects, or apply it
          run -- COMMAND      migrate, then become COMMAND
          install DIRECTORY   copy this program into a folder
        `logto-migrate-init COMMAND --help` shows the options and the variables of each.

        Examples:
          docker compose run --rm migrate check
          docker compose run --rm migrate && docker compose up -d

        Options:
          -h, --help          show this help
          -V, --version       show the version

        Variables:
        {Database}

        Exit codes: 0 Logto can start; with any other it must not. 2 wrong usage, 3 and 4 no connection.
        The last line of the log says what happened and what to do next.

        {More}
        """;

    private const string Migrate = $"""
        Deploys the alterations that are pending with the image's own CLI, and verifies the result.

        Usage: logto-migrate-init migrate

        Examples:
          docker compose run --rm migrate && docker compose up -d
          LOGTO_INIT_SEED=create logto-migrate-init migrate     the first installation, once

        Variables:
        {Database}
          LOGTO_INIT_SEED        true fills an empty database, create also creates a missing one
          LOGTO_INIT_AHEAD       allow, or a timestamp: what to accept of a database that is newer
          LOGTO_INIT_BACKUP_DIR  a folder: back up before the first alteration
          LOGTO_INIT_REHEARSE    schema or full: deploy to a copy first
          LOGTO_INIT_LOG_FORMAT  text or json

        Exit codes: 0 Logto can start, 3 no connection, 4 refused, 5 another run holds the lock,
        6 the deploy failed, 7 to 10 the database is not what this image needs, 13 no backup,
        14 the deploy would fail, 16 the rehearsal failed.

        {More}
        """;

    private const string Check = $"""
        Says what migrate would do. It takes no lock and changes nothing, but see --start.

        Usage: logto-migrate-init check [OPTIONS]

        Examples:
          docker compose run --rm migrate check
          logto-migrate-init check --deep --drift --output json

        Options:
          --wait                 poll until the schema is right (LOGTO_INIT_LOCK_TIMEOUT_SECONDS)
          --deep                 also log in as Logto's own roles (five at most)
          --drift                also compare the schema with what this image creates in a scratch database
          --start                also start Logto on the database for a moment, on 127.0.0.1 only;
                                 Logto then rotates a signing key that is due
          --output text|json     how to print the result; --json is the same as --output json

        Variables:
        {Database}
          LOGTO_INIT_AHEAD       allow, or a timestamp: what to accept of a database that is newer
          LOGTO_INIT_SCRATCH_URL another server, for --drift

        Exit codes: 0 Logto can start, 12 alterations are pending, 7 Logto would start and fail,
        8 the database is newer, 9 it is empty, 10 not Logto's or damaged, 15 the schema differs,
        16 the check could not be done.

        {More}
        """;

    private const string Rehearse = $"""
        Deploys what is pending to a temporary copy of the database, and reports what it does there.

        Usage: logto-migrate-init rehearse [OPTIONS]

        Examples:
          docker compose run --rm migrate rehearse
          logto-migrate-init rehearse --schema-only --output markdown

        Options:
          --schema-only          copy the rows of small tables only: fast, and blind to what rows can do
          --no-start             do not start the new Logto on the copy at the end
          --output FORMAT        text, json or markdown; --json is the same as --output json

        Variables:
        {Database}
          LOGTO_INIT_PG_BIN      the folder of pg_dump and pg_restore
          LOGTO_INIT_SCRATCH_URL another server for the copy
          LOGTO_INIT_SCRATCH_MAX_MB  the largest database that is copied with its rows

        Exit codes: 0 the upgrade works on the copy, 16 it does not, or could not be rehearsed,
        5 another run holds the lock, 7 to 10 as for migrate.

        {More}
        """;

    private const string Backup = $"""
        Makes a verified backup in LOGTO_INIT_BACKUP_DIR, while nobody migrates.

        Usage: logto-migrate-init backup [OPTIONS]

        Examples:
          docker compose run --rm migrate backup
          logto-migrate-init backup --list

        Options:
          --list                 list the existing backups, and make none
          --output text|json     how to print the list; --json is the same as --output json

        Variables:
        {Database}
          LOGTO_INIT_BACKUP_DIR     the folder
          LOGTO_INIT_BACKUP_KEEP    how many backups are kept
          LOGTO_INIT_BACKUP_VERIFY  restore: restore it into a scratch database, and compare every row
          LOGTO_INIT_DIRECT_URL     the server itself, when DB_URL goes through a pooler
          LOGTO_INIT_PG_BIN         the folder of pg_dump and pg_restore

        Exit codes: 0 backed up, 13 no backup was made, 5 another run holds the lock.

        {More}
        """;

    private const string Restore = $"""
        Puts a backup in the place of the database. The present database is kept under another name.

        Usage: logto-migrate-init restore [FILE] [OPTIONS]      without FILE it lists the backups

        Examples:
          docker compose run --rm migrate restore
          logto-migrate-init restore /backups/NAME.dump --yes

        Options:
          --yes                  do not ask: end the sessions that are in the way, and give Logto's roles
                                 the passwords of the backup
          --accept KINDS         changes of access to accept, separated by commas: public, owners, grants

        Variables:
        {Database}
          LOGTO_INIT_BACKUP_DIR  the folder to list, and to find a file in that is named without a folder
          LOGTO_INIT_DIRECT_URL  the server itself, when DB_URL goes through a pooler
          LOGTO_INIT_PG_BIN      the folder of pg_restore

        Exit codes: 0 restored, 17 refused or not confirmed, 18 restored, but Logto cannot work with it yet.

        {More}
        """;

    private const string Rollback = $"""
        Reverts to an older release of Logto, rehearsed on a copy and backed up first.
        Run it in the newer image, with Logto stopped.

        Usage: logto-migrate-init rollback VERSION [OPTIONS]

        Examples:
          docker compose run --rm migrate rollback 1.40.1
          logto-migrate-init rollback 1.40.1 --schema-only

        Options:
          --yes                  do not ask: revert, and lose what the report lists
          --schema-only          rehearse with the rows of small tables only

        Variables:
        {Database}
          LOGTO_INIT_BACKUP_DIR  the folder for the backup
          LOGTO_INIT_PG_BIN      the folder of pg_dump and pg_restore
          LOGTO_INIT_SCRATCH_URL another server for the copy

        Exit codes: 0 rolled back, 13 no backup, 16 it fails on the copy, 17 refused or not confirmed, 18 it
        stopped midway.

        {More}
        """;

    private const string Repair = $"""
        Prints the SQL that repairs what check --deep --drift finds, and applies what deletes nothing.
        LOGTO_INIT_REPAIR is about something else: indexes that an interrupted deploy has left.

        Usage: logto-migrate-init repair [OPTIONS]

        Examples:
          docker compose run --rm migrate repair           prints only, without a terminal
          docker compose run --rm migrate repair --yes

        Options:
          --yes                  do not ask: apply the SQL that deletes nothing
          --trim-signing-keys    also drop the signing keys that are too many for Logto, after a backup

        Variables:
        {Database}
          LOGTO_INIT_BACKUP_DIR  the folder for the backup before signing keys are dropped
          LOGTO_INIT_SCRATCH_URL another server, for the comparison of the schema

        Exit codes: 0 inspected again, and right, 7 or 15 something is left, 17 not confirmed,
        5 another run holds the lock, 12 alterations are pending: migrate first, 13 no backup,
        16 the schema could not be compared.

        {More}
        """;

    private const string Run = $"""
        Migrates, then becomes the command: the same process. After any failure the command never starts.

        Usage: logto-migrate-init run -- COMMAND [ARGUMENTS]

        Examples:
          logto-migrate-init run -- npm start
          entrypoint: ["logto-migrate-init", "run", "--"]     in a compose file

        Variables:
        {Database}
          and all others of migrate

        Exit codes: those of migrate; then those of the command.

        {More}
        """;

    private const string Install = $"""
        Copies this program into a folder, under its own name.

        Usage: logto-migrate-init install DIRECTORY

        Examples:
          logto-migrate-init install /shared
          args: [install, /shared]     in an init container with an emptyDir

        Exit codes: 0 copied, 2 not copied.

        {More}
        """;

    /// <summary>Returns the page of a command; null and unknown names: the program's own page.</summary>
    public static string Of(string? command) => command switch
    {
        "migrate" => Migrate,
        "check" => Check,
        "rehearse" => Rehearse,
        "backup" => Backup,
        "restore" => Restore,
        "rollback" => Rollback,
        "repair" => Repair,
        "run" => Run,
        "install" => Install,
        _ => Root,
    };
}
