using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>Every ending, as an operator reads it; docs/exit-codes.md has a line of each.</summary>
public sealed class EndingsSpecs
{
    private static readonly AlterationCatalog Catalog = AlterationCatalog.Read(
        "1.43.0", ["1.40.0-1779421396-add-custom-ui.js", "1.42.0-1784620000-add-domains.js", "1.43.0-1786431364-add-snapshots.js"]);

    private static readonly AlterationState Old = new(1779421396);
    private static readonly AlterationState Now = new(1786431364);
    private static readonly AlterationState Newer = new(1790000000);
    private static readonly IReadOnlyList<Alteration> Pending = Catalog.PendingAfter(Old);
    private static readonly IReadOnlyList<Fault> StartFaults = StartConditions.FindFaults(
        new LogtoRequirements(["users"], KeysHaveStatus: true),
        MigrationPlanSpecs.Logto with
        {
            Start = MigrationPlanSpecs.Healthy with
            {
                Tenants = [MigrationPlanSpecs.Healthy.Tenants[0], MigrationPlanSpecs.Healthy.Tenants[1] with { RoleProblem = "is missing" }],
            },
        },
        Now, _ => false);

    private const string Backup = "/backups/logto-logto-1779421396-to-1.43.0-20261126T144143023Z.dump";

    private static readonly ProgramSettings Settings = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = "postgresql://logto:secret@db/logto" }, out _)!;

    /// <summary>Every case of the closed hierarchy.</summary>
    internal static readonly IReadOnlyList<Type> Cases = [.. typeof(Outcome).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(Outcome)))];

    internal static readonly IReadOnlyList<Outcome> Samples =
    [
        new Outcome.Matches(Catalog, Now),
        new Outcome.Matches(Catalog, Now, "2 alterations deployed"),
        new Outcome.AheadAllowed(Catalog, Newer, Settings with { AheadLimit = Newer.Timestamp }),
        new Outcome.BackedUp(Backup, 421_337, 83, 79, IsRestored: false, LeftOut: 2, $"logto-migrate-init restore {Backup}"),
        new Outcome.Rehearsed(Catalog, 2, "2.4 s with Logto's CLI; reads and writes of users (56.0 MB) blocked for 0.014 s at most; nothing is dropped"),
        new Outcome.Restored("logto", "logto_before_20261126t151202117", "Its state is 1779421396: start the image of Logto that it was made with, or deploy the 2 alterations that Logto 1.43.0 has above it with `logto-migrate-init migrate`.", " Something is left out, or not as dumped: see the warnings above."),
        new Outcome.RolledBack("1.40.1", new AlterationState(1784619999), 2, []),
        new Outcome.AtLevel("1.40.1", Old, Catalog.PendingAfter(new AlterationState(0))[0]),
        new Outcome.Installed("/gate/logto-migrate-init"),
        new Outcome.InstallFailed("/gate", "Access to the path '/gate/logto-migrate-init' is denied.", "65532:0"),
        new Outcome.Unexpected(new InvalidOperationException("Something odd.")),
        new Outcome.WrongUsage(["LOGTO_INIT_SEED is 'maybe'; it takes false, true or create", "DB_URL and DB_URL_FILE are both unset; Logto needs one"]),
        new Outcome.WrongCommandLine(["Unrecognized command or argument 'migrat'."], ["Did you mean migrate?", "See logto-migrate-init --help."]),
        new Outcome.CommandNotStarted(new Outcome.Matches(Catalog, Now, "2 alterations deployed"), "/usr/local/bin/npm", "Argument list too long"),
        new Outcome.Unreachable(Settings, "connection refused", "check host, port, and whether PostgreSQL runs"),
        new Outcome.Refused(Settings, "password authentication failed for user \"logto\"", "check user and password"),
        new Outcome.NoSuchDatabase(Settings),
        new Outcome.NotCreated(Settings, "permission denied to create database"),
        new Outcome.UnsupportedServer(130014, 14),
        new Outcome.ReadOnly(2, InRecovery: true, TimeSpan.FromSeconds(60)),
        new Outcome.TenantsHidden(Settings, Now, "permission denied for table tenants"),
        new Outcome.LockTimedOut(TimeSpan.FromHours(1), "pid 4711 (logto-migrate-init, user logto, from 10.0.0.7, for 3600 s)"),
        new Outcome.FolderBusy("/etc/logto/packages/cli", TimeSpan.FromHours(1)),
        new Outcome.DeployFailed("Logto's CLI failed with exit code 1", 1, 2, Pending[1].FileName, "relation \"snapshots\" already exists").WithRestoreCommand($"logto-migrate-init restore {Backup}"),
        new Outcome.DeployUnverified(2, 2, "password authentication failed for user \"logto\" (SQLSTATE 28P01)", "correct the user or the password in DB_URL, or set that password on the server"),
        new Outcome.LockLost(),
        new Outcome.SeedFailed("Logto's CLI failed with exit code 1", IsStillEmpty: true, "permission denied to create role"),
        new Outcome.AlterationsLeft(Catalog, Old, 2),
        new Outcome.RowSecurityOff(Now, [], ["notes"]),
        new Outcome.WouldFail(Now, [], StartFaults),
        new Outcome.DriverRefused(Settings, "unsupported startup parameter: statement_timeout"),
        new Outcome.LoginsFailed(Catalog, Now, [new FailedLogin("logto_tenant_logto_admin", "password authentication failed", LoginTrouble.Password)], BehindPooler: false),
        new Outcome.StartFailed(Catalog, Now, "answers GET /api/status of the default tenant with status 500 instead of 204: Failed to create tenant: default Error: error:1E08010C:DECODER routines::unsupported"),
        new Outcome.Ahead(Catalog, Newer, Settings),
        new Outcome.Empty("logto"),
        new Outcome.WouldSeed("logto"),
        new Outcome.NotLogto("logto", "the schema 'public' holds 3 objects and none of them is Logto's (table orders, table parts, view stock)"),
        new Outcome.DamagedByCli("logto", "its tables are not complete: 'users' is missing beside 'systems', and every release since 1.0 has it"),
        new Outcome.TargetUnusable("/etc/logto/packages/schemas/alterations-js holds no alteration; use an unmodified image of Logto, or let LOGTO_INIT_LOGTO_DIR name one."),
        new Outcome.AlterationsPending(Catalog, Old, Pending),
        new Outcome.BackupFailed("pg_dump is not in the image; build it with --build-arg POSTGRES_CLIENT=17, or name its folder in LOGTO_INIT_PG_BIN", "deployed"),
        new Outcome.PreflightFailed(["user 'logto' does not own 3 tables (users, roles, logs) and cannot alter them; run `reassign owned by OLD_OWNER to \"logto\"` as their owner, or connect as the owner"]),
        new Outcome.Drifted(Catalog, Now, 2, "index users__name on users is missing", "1 of 2 have no SQL, and the report above has it for the others"),
        new Outcome.RehearsalFailed(Catalog, Pending[0].FileName, "could not create unique index \"users__email\": Key (email)=(…) is duplicated (Logto's CLI, exit code 1)"),
        new Outcome.RehearsalImpossible("user 'logto' may not create databases, which a scratch database needs; run `alter role \"logto\" createdb` as a superuser"),
        new Outcome.StartUnknown("this installation has no Logto server"),
        new Outcome.DriftUnknown("user 'logto' may not create databases, which a scratch database needs; run `alter role \"logto\" createdb` as a superuser"),
        new Outcome.RollbackWouldFail("1.24.1", "1.25.0-1739429593-add-legacy-password-encryption.js", "There are users with password encryption method Legacy (Logto's CLI, exit code 1); it works on users (1204 rows)", ($"logto-migrate-init restore {Backup}", new DateTime(2026, 11, 20, 14, 41, 0, DateTimeKind.Utc))),
        new Outcome.RollbackNotRehearsed("1.40.1", "the database 'logto' has 5120 MB, and a copy with its rows may have 2048 (LOGTO_INIT_SCRATCH_MAX_MB): make sure of the room on the server and set that higher, or rehearse without rows (--schema-only)"),
        new Outcome.RestoreRefused($"{Backup} is damaged: it has 400000 bytes instead of 421337; take another backup"),
        new Outcome.RollbackRefused("2 other sessions are in the database (pid 4711 (logto, user logto, from 10.0.0.7, for 86400 s); …), and a Logto that runs would work on a schema that it does not know; stop Logto and whatever starts it again, an init container that waits included, and start again"),
        new Outcome.BackupsListed("/backups", 3),
        new Outcome.RestoredUnusable("logto", "logto_before_20261126t151202117", "logto_tenant_logto_default: the login is refused"),
        new Outcome.RestoreUnknown("logto", "logto_scratch_0123456789abcdef", "logto_before_20261126t151202117", "the connection was lost"),
        new Outcome.RollbackFailed("1.40.1", 1, 2, Pending[0].FileName, "Logto's CLI failed with exit code 1: terminating connection due to administrator command").WithRestoreCommand($"logto-migrate-init restore {Backup}"),
        new Outcome.Repaired(Catalog, Now, 3, 1067),
        new Outcome.RepairIncomplete(ExitCode.Unstartable, 2, ["the role 'logto_tenant_logto_default' of the tenant 'default' may not log in"]),
        new Outcome.RepairIncomplete(ExitCode.Drift, 0, ["column users.name is character varying(200) instead of character varying(128)", "constraint roles__name on roles is missing"]),
        new Outcome.RepairNotConfirmed(2, 3),
        new Outcome.RepairRefused("the database (state 1790000000) is newer than Logto 1.43.0; run `repair` in the image of the newer Logto"),
        new Outcome.RepairUncompared(1, "user 'logto' may not create databases, which a scratch database needs; run `alter role \"logto\" createdb` as a superuser"),
        new Outcome.Stopped(ExitCode.Terminated, "SIGTERM"),
    ];

    [Fact]
    public void Every_ending_has_a_sample() =>
        Assert.Equal(Cases.OrderBy(type => type.Name), Samples.Select(sample => sample.GetType()).Distinct().OrderBy(type => type.Name));

    [Fact]
    public void Each_is_one_line_of_whole_sentences_that_a_phone_shows_and_holds_no_password() =>
        Assert.All(Samples, sample =>
        {
            Assert.EndsWith(".", sample.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', sample.Message);
            Assert.DoesNotContain("..", sample.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", sample.Message, StringComparison.Ordinal);
            Assert.InRange(string.Concat(sample.Message.Split('`').Where((_, index) => index % 2 == 0)).Length, 20, 800);
        });

    [Fact]
    public void None_holds_SQL_of_more_than_100_characters() =>
        Assert.All(Samples, sample => Assert.All(
            sample.Message.Split('`').Where((quoted, index) => index % 2 == 1 && !quoted.StartsWith("logto-migrate-init", StringComparison.Ordinal) && !quoted.StartsWith("ignore_startup_parameters", StringComparison.Ordinal)),
            sql => Assert.InRange(sql.Length, 0, 100)));

    [Fact]
    public void The_page_of_exit_codes_has_their_lines()
    {
        var page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "exit-codes.md"));
        var (head, parts) = (page.Split("\n## ")[0], page.Split("\n## ").Skip(1));
        var made = string.Join("\n## ", parts.Select(WithLastLines).Prepend(head.TrimEnd() + "\n"));

        var artifacts = Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts"));
        File.WriteAllText(Path.Combine(artifacts.FullName, "exit-codes.md"), made);
        Assert.Equal(made, page);

        static string WithLastLines(string part) =>
            string.Join('\n', part.TrimEnd().Split('\n').Where(line => !DocumentSpecs.LastLine().IsMatch(line))
                .Concat(Samples.DistinctBy(sample => (sample.Name, sample.ExitCode)).Where(sample => $"{(int)sample.ExitCode}" == part.Split('\n')[0]).Select(sample => $"- *{sample.Name}*: {sample.Message}"))) + "\n";
    }
}
