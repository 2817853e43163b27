using LogtoMigrateInit.Settings;
using Known = LogtoMigrateInit.Settings.Variables;

namespace LogtoMigrateInit.CommandLine;

/// <summary>The parts of a command's help that its declaration does not have.</summary>
/// <param name="Usage">The words after the program's name.</param>
/// <param name="Examples">Whole command lines.</param>
/// <param name="Variables">Those that operators set most often.</param>
/// <param name="ExitCodes">Each code with a few words.</param>
internal sealed record HelpPage(string Usage, IReadOnlyList<string> Examples, IReadOnlyList<Variable> Variables, string ExitCodes)
{
    private const int FewVariables = 5;

    private const string OfUpgrade =
        "0 Logto can start, 3 server unreachable, 4 refused, 5 another run is active, 6 deploy failed, 7 Logto would not work, " +
        "8 database newer, 9 database empty, 10 not Logto's, 11 image unusable, 13 backup failed, 14 deploy would fail";

    /// <param name="command">The command's name. A command without a page of its own gets its first variables.</param>
    // Over 40 lines: one case for each command.
    public static HelpPage For(string command) => command switch
    {
        "migrate" => new HelpPage(
            "migrate",
            [
                "DB_URL=postgresql://logto:password@db:5432/logto logto-migrate-init",
                "LOGTO_INIT_BACKUP_DIR=/backups logto-migrate-init migrate",
            ],
            [
                Known.DatabaseUrl, Known.Seed, Known.Ahead,
                Known.BackupDirectory, Known.LockTimeout,
            ],
            OfUpgrade),
        "run" => new HelpPage(
            "run -- COMMAND [ARGUMENTS]",
            ["logto-migrate-init run -- npm start", "logto-migrate-init run -- npx @logto/cli start"],
            [Known.DatabaseUrl, Known.Ahead, Known.BackupDirectory, Known.LockTimeout],
            $"that of COMMAND; without it: 2 COMMAND does not start; {OfUpgrade["0 Logto can start, ".Length..]}"),
        "check" => new HelpPage(
            "check [OPTIONS]",
            ["logto-migrate-init check --deep", "logto-migrate-init check --output json"],
            [Known.DatabaseUrl, Known.Ahead, Known.LockTimeout, Known.ScratchUrl],
            "0 Logto can start, 3 server unreachable, 4 refused, 7 Logto would not work, 8 database newer, 9 database empty, " +
            "10 not Logto's, 11 image unusable, 12 alterations pending, 15 schema differs, 16 not compared or not started"),
        "rehearse" => new HelpPage(
            "rehearse [OPTIONS]",
            ["logto-migrate-init rehearse", "logto-migrate-init rehearse --schema-only --output markdown"],
            [
                Known.DatabaseUrl, Known.ScratchUrl, Known.ScratchMaximum,
                Known.RehearseMaximum, Known.PostgresPrograms,
            ],
            "0 works on the copy, 3 server unreachable, 4 refused, 5 another run is active, 14 deploy would fail, " +
            "16 fails on the copy, or was not rehearsed"),
        "backup" => new HelpPage(
            "backup [OPTIONS]",
            ["LOGTO_INIT_BACKUP_DIR=/backups logto-migrate-init backup", "logto-migrate-init backup --list"],
            [
                Known.DatabaseUrl, Known.BackupDirectory, Known.BackupKeep,
                Known.BackupVerify, Known.DirectUrl, Known.PostgresPrograms,
            ],
            "0 backed up, 3 server unreachable, 4 refused, 5 another run is active, 13 no backup"),
        "restore" => new HelpPage(
            "restore [FILE] [OPTIONS]",
            ["logto-migrate-init restore", "logto-migrate-init restore /backups/FILE.dump --yes"],
            [
                Known.DatabaseUrl, Known.BackupDirectory, Known.Ahead,
                Known.DirectUrl, Known.PostgresPrograms,
            ],
            "0 restored or listed, 3 server unreachable, 4 refused, 17 not restored, 18 restored in part or not usable"),
        "rollback" => new HelpPage(
            "rollback VERSION [OPTIONS]",
            ["logto-migrate-init rollback 1.40.1", "logto-migrate-init rollback 1.40.1 --yes"],
            [
                Known.DatabaseUrl, Known.BackupDirectory, Known.ScratchUrl,
                Known.ScratchMaximum, Known.PostgresPrograms,
            ],
            "0 rolled back, 3 server unreachable, 4 refused, 5 another run is active, 13 no backup, 16 fails on the copy, " +
            "17 not rolled back, 18 rolled back in part"),
        "install" => new HelpPage(
            "install DIRECTORY", ["logto-migrate-init install /shared"], [], "0 installed, 2 not installed"),
        _ => new HelpPage(
            $"{command} [OPTIONS]", [$"logto-migrate-init {command}"],
            [.. Known.All.Where(variable => variable.Commands.Contains(command)).Take(FewVariables)], ""),
    };
}
