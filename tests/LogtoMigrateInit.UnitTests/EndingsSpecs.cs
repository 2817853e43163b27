using System.Net.Sockets;
using System.Text;
using LogtoMigrateInit.Backups;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Repair;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Rollback;
using LogtoMigrateInit.Scratch;
using LogtoMigrateInit.Settings;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>
/// Every outcome, as an operator reads it. docs/exit-codes.md has a line of each, and the code of the program composes each sentence: only values
/// and what servers, Logto and Node.js said are typed here.
/// </summary>
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

    /// <summary>The command `repair` is about these; their reasons have the advice.</summary>
    private static readonly string[] WithAdviceInItsReason =
        ["rowSecurityOff", "wouldFail", "loginsFailed", "preflightFailed", "drifted", "rehearsalImpossible", "startUnknown", "rollbackNotRehearsed"];

    private const string Backup = "/backups/logto-logto-1779421396-to-1.43.0-20261126T144143023Z.dump";

    private static readonly ProgramSettings Settings = SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = "postgresql://logto:secret@db/logto" }, out _)!;

    private static readonly ServerSession Session = new(4711, "logto", "logto-migrate-init", "10.0.0.7", 3600, "<hidden>");
    private static readonly CliJob Job = CliJob.Deploy(Pending, MigrationPlanSpecs.Logto);
    private static readonly CliRun Failing = new(CliEnd.ByItself, 1, Pending[1].FileName, "relation \"snapshots\" already exists", null, false, 1);
    private static readonly DatabaseException WrongPassword =
        DatabaseException.From(new PostgresException("password authentication failed for user \"logto\"", "FATAL", "FATAL", "28P01"))!;

    private static readonly Verdict.Foreign Foreign = (Verdict.Foreign)MigrationPlan.Decide(
        Catalog, MigrationPlanSpecs.Logto with { Relations = [], SystemsHasKey = false, States = [], Start = null, ObjectCount = 3, Objects = "table orders, table parts, view stock" });

    private static readonly DriftReport Drift = new(
        [
            new SchemaDifference(Difference.Missing, "index", "users__name on users", "CREATE INDEX users__name ON users USING btree (tenant_id, name)", null, "CREATE INDEX users__name ON users USING btree (tenant_id, name)"),
            new SchemaDifference(Difference.Different, "column", "users.name", "character varying(128)", "character varying(200)", null),
        ],
        [], 1067);

    private static readonly FailedLogin FailedRole = new("logto_tenant_logto_admin", "password authentication failed for user \"logto_tenant_logto_admin\"", LoginTrouble.Password);

    private static readonly string NoScratch =
        ScratchPlace.WhyNotAllowed(new ClusterRights("logto", IsSuperuser: false, MayCreateDatabases: false, MayCreateRoles: true, new HashSet<string>(), new HashSet<string>(), 170004))!;

    private static readonly RehearsalReport Report = new()
    {
        Database = "logto",
        State = Old,
        Version = "1.43.0",
        IsRollback = false,
        ServerVersion = 170004,
        Mode = RehearsalMode.Full,
        Planned = 2,
        Failure = null,
        SecondsToCopy = 1.2,
        SecondsToRun = 2.4,
        Alterations = [new RehearsedAlteration(Pending[0], 0.014, null, [new TableLock("users", "AccessExclusiveLock") { Real = "users" }], [], [], [], [], [])],
        Losses = [],
        Tables = [new TableSize("users", "public.users", 56_000_000, [])],
        WithoutRows = [],
        Drift = null,
        Rows = null,
        WithBeforeDown = [],
    };

    /// <summary>Every case of the closed hierarchy.</summary>
    internal static readonly IReadOnlyList<Type> Cases = [.. typeof(Outcome).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(Outcome)))];

    internal static readonly IReadOnlyList<Outcome> Samples =
    [
        new Outcome.Matches(Catalog, Now),
        new Outcome.Matches(Catalog, Now, "2 alterations deployed"),
        Outcome.Of(new Verdict.Ahead(Newer), Catalog, Settings with { AheadLimit = Newer.Timestamp }),
        new Outcome.BackedUp(Backup, 421_337, 83, 79, IsRestored: false, LeftOut: 2, $"logto-migrate-init restore {Backup}"),
        new Outcome.Rehearsed(Catalog, 2, RehearsalSummary.Of(Report)),
        new Outcome.Restored("logto", "logto_before_20261126t151202117", DatabaseRestore.Describe(new Verdict.Pending(Old, Pending), Catalog, Settings), DatabaseRestore.Remark(record: null, differences: 0)),
        new Outcome.RolledBack("1.40.1", new AlterationState(1784619999), 2, []),
        new Outcome.AtLevel("1.40.1", Old, Catalog.PendingAfter(new AlterationState(0))[0]),
        new Outcome.Installed("/gate/logto-migrate-init"),
        new Outcome.InstallFailed("/gate", "Access to the path '/gate/logto-migrate-init' is denied.", "65532:0"),
        new Outcome.Unexpected(new InvalidOperationException("Something odd.")),
        new Outcome.WrongUsage(ProblemsOf(("LOGTO_INIT_SEED", "maybe"))),
        Run(["migrat"]),
        new Outcome.CommandNotStarted(new Outcome.Matches(Catalog, Now, "2 alterations deployed"), "/usr/local/bin/npm", "Argument list too long"),
        Outcome.Of(DatabaseException.From(new NpgsqlException("", new SocketException((int)SocketError.ConnectionRefused)))!, Settings),
        Outcome.Of(WrongPassword, Settings),
        new Outcome.NoSuchDatabase(Settings),
        new Outcome.NotCreated(Settings, DatabaseException.From(new PostgresException("permission denied to create database", "ERROR", "ERROR", "42501"))!.Message),
        new Outcome.UnsupportedServer(130014, 14),
        new Outcome.ReadOnly(InRecovery: true, TimeSpan.FromSeconds(60)),
        Outcome.Of(new Verdict.Hidden(Now, "permission denied for table tenants"), Catalog, Settings),
        new Outcome.LockTimedOut(TimeSpan.FromHours(1), $"{Session}", Session.Pid),
        new Outcome.FolderBusy("/etc/logto/packages/cli", TimeSpan.FromHours(1)),
        new Outcome.DeployFailed(CliFailure.Describe(Failing, Job), 1, 2, Pending[1].FileName, CliFailure.Explain(Failing)).WithRestoreCommand($"logto-migrate-init restore {Backup}"),
        new Outcome.DeployUnverified(2, 2, WrongPassword.Message, WrongPassword.Remedy),
        new Outcome.LockLost(),
        new Outcome.SeedFailed(CliFailure.Describe(Failing, Job), IsStillEmpty: true, CliFailure.Explain(Failing with { Complaint = "permission denied to create role" })),
        new Outcome.AlterationsLeft(Catalog, Old, 2),
        Outcome.Of(MigrationPlan.Decide(Catalog, At(Now) with { TablesWithoutRowSecurity = ["notes"] }), Catalog, Settings),
        new Outcome.WouldFail(Now, [], StartFaults),
        Outcome.Of(new Verdict.DriverRefused("unsupported startup parameter: statement_timeout"), Catalog, Settings),
        new Outcome.LoginsFailed(Catalog, Now, [FailedRole], BehindPooler: false),
        new Outcome.StartFailed(Catalog, Now, $"{ServerAnswers.Describe(ServerAnswers.Status, "default", ServerAnswers.WhyWrong(ServerAnswers.Status, new LoopbackAnswer(500, ""))!)}: Failed to create tenant: default Error: error:1E08010C:DECODER routines::unsupported"),
        Outcome.Of(new Verdict.Ahead(Newer), Catalog, Settings),
        Outcome.Of(new Verdict.Empty(), Catalog, Settings),
        Outcome.Of(new Verdict.Empty(), Catalog, Settings with { Seed = SeedMode.True }),
        Outcome.Of(Foreign, Catalog, Settings),
        new Outcome.DamagedByCli("logto", Foreign.Reason),
        new Outcome.TargetUnusable(Assert.Throws<UnusableTargetException>(() => LogtoInstallation.Find("/nowhere", expectedVersion: null)).Message),
        Outcome.Of(MigrationPlan.Decide(Catalog, At(Old)), Catalog, Settings),
        new Outcome.BackupFailed(Assert.Throws<PostgresToolException>(() => new PostgresPrograms("/usr/bin", "15.18", 15).RequireFor(170004)).Message, "deployed"),
        new Outcome.PreflightFailed(Preflight.OfDeploy(At(Old), new Privileges(["logto_tenant_logto"], true, true, ["users", "roles", "logs"], []), [])),
        new Outcome.Drifted(Catalog, Now, Drift.Differences.Count, DriftText.Short(Drift.Differences[0]), DriftText.OfSql(Drift)),
        new Outcome.RehearsalFailed(Catalog, Pending[0].FileName, RehearsalFindings.DescribeEnd(Failing with { Complaint = "could not create unique index \"users__email\": Key (email)=(…) is duplicated" })),
        new Outcome.RehearsalImpossible(NoScratch),
        new Outcome.StartUnknown(Now, ServerTrial.NoServer),
        new Outcome.DriftUnknown(Now, ScratchPlace.OtherMajor(170004, 160008)),
        new Outcome.RollbackWouldFail("1.24.1", "1.25.0-1739429593-add-legacy-password-encryption.js", RehearsalFindings.DescribeEnd(Failing with { Complaint = "There are users with password encryption method Legacy" }) + RehearsalFindings.DescribeTables(["users (1204 rows)"]), ($"logto-migrate-init restore {Backup}", new DateTime(2026, 11, 20, 14, 41, 0, DateTimeKind.Utc))),
        new Outcome.RollbackNotRehearsed("1.40.1", AlterationRehearsal.DescribeTooLarge("logto", 5120, 2048, isRollback: true)),
        new Outcome.RestoreRefused(DatabaseRestore.WhyUnconfirmed([Session])),
        new Outcome.RollbackRefused(RollbackChecks.Describe([Session, Session with { Pid = 4712 }])),
        new Outcome.BackupsListed("/backups", 3),
        new Outcome.RestoredUnusable("logto", "logto_before_20261126t151202117", DatabaseRestore.DescribeFailed([FailedRole])),
        new Outcome.RestoreUnknown("logto", "logto_scratch_0123456789abcdef", "logto_before_20261126t151202117", "the connection was lost"),
        new Outcome.RollbackFailed("1.40.1", 1, 2, Pending[0].FileName, $"{CliFailure.Describe(Failing, Job)}: terminating connection due to administrator command").WithRestoreCommand($"logto-migrate-init restore {Backup}"),
        new Outcome.Repaired(Catalog, Now, 3, 1067),
        new Outcome.RepairIncomplete(ExitCode.Unstartable, 2, [StartFaults[0].What]),
        new Outcome.RepairIncomplete(ExitCode.Drift, 0, [.. SchemaFindings.Of(Drift, At(Now)).Select(finding => finding.What)]),
        new Outcome.RepairStopped(ExitCode.Unstartable, 2, Outcome.WhyLockLost),
        new Outcome.RepairNotConfirmed(2, 3),
        RepairInspection.OfAhead(Newer, Catalog),
        new Outcome.RepairUncompared(1, NoScratch),
        new Outcome.Stopped(ExitCode.Terminated, "SIGTERM"),
    ];

    private static Inspection At(AlterationState state) => MigrationPlanSpecs.Logto with { States = [MigrationPlanSpecs.State(state.Timestamp)] };

    private static IReadOnlyList<string> ProblemsOf(params (string Name, string Value)[] variables)
    {
        _ = SettingsReader.Read(variables.ToDictionary(each => each.Name, each => each.Value), out var problems);
        return problems;
    }

    /// <summary>The outcome of a command line that starts no run.</summary>
    private static Outcome Run(string[] arguments)
    {
        Outcome? seen = null;
        RootCommands.InvokeAsync(arguments, "1.2.3", (_, _) => throw new InvalidOperationException(), outcome => seen = outcome).GetAwaiter().GetResult();
        return seen!;
    }

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
    public void Each_failure_says_once_what_to_do_next() =>
        Assert.All(
            Samples.Where(sample => sample.ExitCode != ExitCode.Success && !WithAdviceInItsReason.Contains(sample.Name)),
            sample => Assert.Single(sample.Message.Split("Next: ").Skip(1)));

    /// <summary>Several problems, and sentences that quote another program, can be longer.</summary>
    [Fact]
    public void Each_failure_says_what_to_do_after_240_characters_at_most() =>
        Assert.All(
            Samples.Where(sample => sample.Message.Contains("Next: ", StringComparison.Ordinal)
                && sample.Name is not ("wrongUsage" or "startFailed" or "rehearsalFailed" or "rollbackWouldFail" or "rollbackRefused")),
            sample => Assert.InRange(sample.Message.IndexOf("Next: ", StringComparison.Ordinal), 0, 240));

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
