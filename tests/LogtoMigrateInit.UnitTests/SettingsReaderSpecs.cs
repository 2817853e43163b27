using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class SettingsReaderSpecs
{
    private static readonly string Huge = new('9', 100_000);

    private static readonly string[] NoSeconds = ["-1", "-0", "+1", "1.5", "1e3", "0x10", "60s", "1h", "00:01:00", " 60", "60 ", "60\n", "١", "1,000", "2147484", "9999999999", "99999999999999999999", Huge, "true", "NaN", "infinity"];

    private static readonly string[] NoFlags = ["-1", "0", "1", "yes", "no", "on", "truee", " true", "true\n", "\"true\"", "null", Huge];

    public static TheoryData<string, string[], string[]> Choices =>
        new()
        {
            { "LOGTO_INIT_SEED", ["", "true", "false", "create", "TRUE", "False"], NoFlags },
            { "LOGTO_INIT_REPAIR", ["", "true", "false", "TRUE", "False"], NoFlags },
            { "LOGTO_INIT_AHEAD", ["", "fail", "allow", "ALLOW", "1779864279", "1674032094.5"], [.. NoFlags, "true", "ignore", "fail,allow", "177986427", "17798642790", "1779864279000", "-1779864279", "1e9", "+177986427", "0x77986427", "1,77986427", "1779864279.", "infinity"] },
            { "LOGTO_INIT_LOG_FORMAT", ["", "text", "json", "JSON"], [.. NoFlags, "xml", "text;json"] },
            { "LOGTO_INIT_LOG_LEVEL", ["", "verbose", "debug", "information", "warning", "error", "fatal", "Warning", "info", "warn", "WARN"], [.. NoFlags, "trace", "3", "debug,error"] },
            { "LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", ["", "0", "60", "007", "2147483"], NoSeconds },
            { "LOGTO_INIT_LOCK_TIMEOUT_SECONDS", ["", "0", "3600", "007", "2147483"], NoSeconds },
            { "LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", ["", "0", "3600", "007", "2147483"], NoSeconds },
            { "LOGTO_INIT_DDL_LOCK_TIMEOUT_SECONDS", ["", "0", "30", "007", "2147483"], NoSeconds },
            { "LOGTO_INIT_SEED_ARGUMENTS", ["", " ", "--dapc", "--dapc --encrypt-base-role", $"--{Huge}"], ["-1", "dapc", "--dapc x", "\"--dapc\"", Huge, "--db-url=postgres://u:p@h/d", "--env=x"] },
            { "DATABASE_STATEMENT_TIMEOUT", ["", " ", "60000", "0.5", "1e5", "DISABLE_TIMEOUT", "disable", "60s", "true", "NaN"], ["-1", "0", "-0.5", " 0 ", "-1e5", "00"] },
        };

    private const string Url = "postgresql://u:p@db/logto";

    [Fact]
    public void DB_URL_is_all_that_is_needed()
    {
        var settings = Read(("DB_URL", Url))!;

        Assert.Equal(("/etc/logto", "db", 5432, "u", "p"), (settings.LogtoDirectory, settings.Main.Host, settings.Main.Port, settings.Main.User, settings.Main.Password));
        Assert.Equal((SeedMode.False, 0.0, true), (settings.Seed, settings.AheadLimit, settings.Repair));
        Assert.Equal((60, 3600, 0, 5), (settings.ConnectTimeout.TotalSeconds, settings.LockTimeout.TotalSeconds, settings.DeployTimeout.TotalSeconds, settings.DdlLockTimeout.TotalSeconds));
        Assert.Equal("DISABLE_TIMEOUT", settings.StatementTimeout);
    }

    [Fact]
    public void All_problems_are_reported_at_once_each_with_its_variable()
    {
        var problems = Problems(
            ("LOGTO_INIT_SEED", "maybe"), ("LOGTO_INIT_AHEAD", "yes"), ("LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "1h"),
            ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "-1"), ("LOGTO_INIT_LOG_LEVEL", "loud"), ("DATABASE_STATEMENT_TIMEOUT", "0"));

        foreach (var name in new[] { "DB_URL", "LOGTO_INIT_SEED", "LOGTO_INIT_AHEAD", "LOGTO_INIT_LOCK_TIMEOUT_SECONDS", "LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "LOGTO_INIT_LOG_LEVEL", "DATABASE_STATEMENT_TIMEOUT" })
        {
            Assert.Single(problems, problem => problem.StartsWith(name + " ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_misspelt_variable_gets_the_nearest_name() =>
        Assert.Contains("LOGTO_INIT_SEEDS is unknown; did you mean LOGTO_INIT_SEED?", Problems(("DB_URL", Url), ("LOGTO_INIT_SEEDS", "true")));

    [Theory]
    [InlineData("LOGTO_INIT_SERVICE_HOST")]
    [InlineData("LOGTO_INIT_SERVICE_PORT")]
    [InlineData("LOGTO_INIT_SERVICE_PORT_HTTP")]
    [InlineData("LOGTO_INIT_PORT")]
    [InlineData("LOGTO_INIT_PORT_80_TCP")]
    [InlineData("LOGTO_INIT_PORT_80_TCP_ADDR")]
    [InlineData("LOGTO_INIT_DB_SERVICE_HOST")]
    [InlineData("LOGTO_INIT_DB_SERVICE_PORT")]
    [InlineData("LOGTO_INIT_DB_SERVICE_PORT_POSTGRES")]
    [InlineData("LOGTO_INIT_DB_PORT")]
    [InlineData("LOGTO_INIT_DB_PORT_5432_TCP_PROTO")]
    public void Kubernetes_service_links_are_no_misspellings(string name) => Assert.Empty(Problems(("DB_URL", Url), (name, "tcp://10.0.0.1:80")));

    [Theory]
    [InlineData("false", "False")]
    [InlineData("true", "True")]
    [InlineData("Create", "Create")]
    public void A_seed_is_for_an_empty_database_or_also_for_a_missing_one(string value, string mode) =>
        Assert.Equal(Enum.Parse<SeedMode>(mode), Read(("DB_URL", Url), ("LOGTO_INIT_SEED", value))!.Seed);

    [Theory]
    [InlineData("--db-url=postgres://u:s3cret@elsewhere/logto")]
    [InlineData("--db=postgres://u:s3cret@elsewhere/logto")]
    [InlineData("--database-url=x")]
    [InlineData("--databaseUrl=x")]
    [InlineData("--dbUrl=x")]
    [InlineData("--db.url=x")]
    [InlineData("--no-db")]
    [InlineData("--env=/tmp/other.env")]
    [InlineData("--env-file=x")]
    [InlineData("--e=x")]
    [InlineData("--dapc --env=x")]
    public void A_seed_of_another_database_than_DB_URLs_is_refused_without_showing_it(string arguments)
    {
        var problem = Assert.Single(Problems(("DB_URL", Url), ("LOGTO_INIT_SEED_ARGUMENTS", arguments)));

        Assert.StartsWith("LOGTO_INIT_SEED_ARGUMENTS", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_arguments_of_a_seed_are_taken() =>
        Assert.Equal(["--dapc", "--encrypt-base-role", "--debug"], Read(("DB_URL", Url), ("LOGTO_INIT_SEED_ARGUMENTS", "--dapc --encrypt-base-role --debug"))!.SeedArguments);

    [Fact]
    public void An_empty_variable_counts_as_unset() =>
        Assert.Empty(Problems([("DB_URL", Url), .. Variables.All.Where(variable => variable.Name != "DB_URL").Select(variable => (variable.Name, ""))]));

    [Fact]
    public void DB_URL_and_DB_URL_FILE_contradict_each_other() =>
        Assert.Contains("both set", Assert.Single(Problems(("DB_URL", Url), ("DB_URL_FILE", "/run/secrets/db_url"))), StringComparison.Ordinal);

    [Fact]
    public void DB_URL_FILE_is_read_without_its_last_line_break()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, Url + "\n");
        try
        {
            var settings = Read(("DB_URL_FILE", file))!;

            Assert.Equal((Url, true), (settings.Main.Url.Text, settings.DatabaseUrlIsFromFile));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.Contains("/does/not/exist", Assert.Single(Problems(("DB_URL_FILE", "/does/not/exist"))), StringComparison.Ordinal);

    [Fact]
    public void Missing_parts_of_the_URL_come_from_the_environment_of_node_postgres()
    {
        var settings = Read(("DB_URL", "postgres:///logto"), ("PGHOST", "h"), ("PGPORT", "6432"), ("PGUSER", "me"), ("USER", "other"), ("PGPASSWORD", "pw"))!;

        Assert.Equal(("h", 6432, "me", "pw"), (settings.Main.Host, settings.Main.Port, settings.Main.User, settings.Main.Password));
    }

    [Theory]
    [InlineData("db:5432")]
    [InlineData("one,two")]
    public void A_PGHOST_that_only_Npgsql_would_understand_is_refused(string host) =>
        Assert.StartsWith("PGHOST", Assert.Single(Problems(("DB_URL", "postgres:///logto"), ("PGHOST", host), ("PGUSER", "me"))), StringComparison.Ordinal);

    [Fact]
    public void A_URL_in_place_of_a_files_name_is_not_shown() =>
        Assert.DoesNotContain("s3cret", Assert.Single(Problems(("DB_URL_FILE", "postgresql://u:s3cret@db/logto"))), StringComparison.Ordinal);

    [Fact]
    public void A_URL_without_any_user_is_a_problem() => Assert.Contains("names no user", Assert.Single(Problems(("DB_URL", "postgres://db/logto"))), StringComparison.Ordinal);

    [Theory]
    [InlineData("", "DISABLE_TIMEOUT")]
    [InlineData("  ", "DISABLE_TIMEOUT")]
    [InlineData("soon", "DISABLE_TIMEOUT")]
    [InlineData("90000", "90000")]
    [InlineData("DISABLE_TIMEOUT", "DISABLE_TIMEOUT")]
    [InlineData("0x10", "0x10")]
    public void The_statement_timeout_is_lifted_unless_the_user_set_one(string value, string expected) =>
        Assert.Equal(expected, Read(("DB_URL", Url), ("DATABASE_STATEMENT_TIMEOUT", value))!.StatementTimeout);

    [Theory]
    [InlineData("0")]
    [InlineData("0x0")]
    [InlineData("-1")]
    [InlineData("99999999999999")]
    public void A_statement_timeout_that_no_server_takes_is_a_problem(string value) =>
        Assert.StartsWith("DATABASE_STATEMENT_TIMEOUT", Assert.Single(Problems(("DB_URL", Url), ("DATABASE_STATEMENT_TIMEOUT", value))), StringComparison.Ordinal);

    [Theory]
    [InlineData("direct", false)]
    [InlineData("nonsense", false)]
    [InlineData("direct", true)]
    public void PGSSLNEGOTIATION_means_what_it_means_for_node_postgres(string value, bool withTls) =>
        Assert.Equal(
            withTls ? 0 : 1, Problems(("DB_URL", withTls ? Url + "?sslmode=require" : Url), ("PGSSLNEGOTIATION", value)).Count(problem => problem.StartsWith("PGSSLNEGOTIATION", StringComparison.Ordinal)));

    [Fact]
    public void A_problem_is_of_bounded_length() =>
        Assert.All(
            Problems(("DB_URL", Url), ("LOGTO_INIT_AHEAD", new string('x', 100_000))),
            problem => Assert.InRange(problem.Length, 100, 250));

    [Theory]
    [MemberData(nameof(Choices))]
    public void A_value_is_accepted_or_refused_by_its_variables_name(string name, string[] accepted, string[] refused)
    {
        Assert.All(accepted, value => Assert.Empty(Problems(("DB_URL", Url), (name, value))));
        Assert.All(refused, value => Assert.StartsWith($"{name} ", Assert.Single(Problems(("DB_URL", Url), (name, value))), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("some")]
    public void The_number_of_backups_is_one_at_least(string keep) =>
        Assert.StartsWith("LOGTO_INIT_BACKUP_KEEP ", Assert.Single(Problems(("DB_URL", Url), ("LOGTO_INIT_BACKUP_KEEP", keep))), StringComparison.Ordinal);

    [Fact]
    public void The_address_of_the_server_itself_is_another_way_to_the_same_database()
    {
        var settings = Read(("DB_URL", "postgresql://u:one@pooler:6432/logto?sslmode=require"), ("LOGTO_INIT_DIRECT_URL", "postgresql://admin:two@db/logto"))!;

        Assert.Equal(("pooler", 6432, "u", "one", TlsMode.Verified), (settings.Main.Host, settings.Main.Port, settings.Main.User, settings.Main.Password, settings.Main.Tls));
        Assert.Equal(("db", 5432, "admin", "two", TlsMode.Off, "logto"), (settings.Direct!.Host, settings.Direct.Port, settings.Direct.User, settings.Direct.Password, settings.Direct.Tls, settings.Direct.Database));
        Assert.Contains("'other'", Assert.Single(Problems(("DB_URL", Url), ("LOGTO_INIT_DIRECT_URL", "postgresql://u:s3cret@db/other"))), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", Assert.Single(Problems(("DB_URL", Url), ("LOGTO_INIT_DIRECT_URL", "mysql://u:s3cret@db/logto"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_are_made_absolute() =>
        Assert.Equal(Path.GetFullPath("backups"), Read(("DB_URL", Url), ("LOGTO_INIT_BACKUP_DIR", "backups"))!.BackupDirectory);

    [Fact]
    public void Huge_numbers_are_refused_and_not_wrapped_around() =>
        Assert.Single(Problems(("DB_URL", Url), ("LOGTO_INIT_DEPLOY_TIMEOUT_SECONDS", "99999999999999999999")));

    private static ProgramSettings? Read(params (string Name, string Value)[] environment) => SettingsReader.Read(ToDictionary(environment), out _);

    private static IReadOnlyList<string> Problems(params (string Name, string Value)[] environment)
    {
        SettingsReader.Read(ToDictionary(environment), out var problems);
        return problems;
    }

    private static Dictionary<string, string> ToDictionary((string Name, string Value)[] environment) => environment.ToDictionary(each => each.Name, each => each.Value);
}
