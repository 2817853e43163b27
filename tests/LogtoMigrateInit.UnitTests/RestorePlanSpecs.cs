using LogtoMigrateInit.Backups;
using LogtoMigrateInit.PostgresTools;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Scratch;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What a restore does with each entry of an archive.</summary>
public sealed class RestorePlanSpecs
{
    private static readonly string[] Archive =
    [
        "DATABASE - logto boss", "COMMENT - DATABASE logto boss", "ACL - DATABASE logto boss", "DATABASE PROPERTIES - logto boss", "SCHEMA - public postgres", "COMMENT - SCHEMA public postgres",
        "ACL - SCHEMA public postgres", "EXTENSION - pg_trgm ", "COMMENT - EXTENSION pg_trgm ", "EXTENSION - postgis ", "COMMENT - EXTENSION postgis ", "TABLE public users boss",
        "COMMENT public TABLE users boss", "TABLE DATA public users boss", "POLICY public users users_tenant_id boss", "PUBLICATION - some boss", "PUBLICATION TABLE public some users boss",
        "PUBLICATION - everything postgres", "EVENT TRIGGER - watch postgres", "COMMENT - EVENT TRIGGER watch postgres", "DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES boss",
        "ACL public TABLE users boss", "ACL public COLUMN tenants.id boss",
    ];

    private static readonly HashSet<string> ForAllTables = ["everything"];

    /// <summary>Seen with pg_cron 1.4.2: "can only create extension in database logto", and the scratch database has another name.</summary>
    [Fact]
    public void An_extension_that_exists_in_one_database_only_is_left_out_for_a_superuser_too()
    {
        ArchiveEntry[] entries = [.. Entries(), Entry("3079 9", "EXTENSION - pg_cron ")];
        var rights = Rights(isSuperuser: true) with { Extensions = new HashSet<string> { "pg_trgm", "postgis", "pg_cron" } };

        var plan = RestorePlan.Of(entries, rights, ForAllTables);

        Assert.StartsWith("extension pg_cron (the server creates it in the database that cron.database_name names", Assert.Single(plan.LeftOut), StringComparison.Ordinal);
    }

    [Fact]
    public void An_owner_restores_what_he_may_and_is_told_of_the_rest()
    {
        var plan = RestorePlan.Of(Entries(), Rights(isSuperuser: false), ForAllTables);

        Assert.Equal(
            [
                "EXTENSION - pg_trgm ", "COMMENT - EXTENSION pg_trgm ", "TABLE public users boss", "COMMENT public TABLE users boss", "TABLE DATA public users boss",
                "POLICY public users users_tenant_id boss", "PUBLICATION - some boss", "PUBLICATION TABLE public some users boss",
            ],
            plan.Entries.Select(entry => entry.Description));
        Assert.Equal(["extension postgis", "publication everything", "event trigger watch"], plan.LeftOut.Select(text => text.Split(" (")[0]));
        Assert.Equal(
            ["COMMENT - SCHEMA public postgres", "ACL - SCHEMA public postgres", "DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES boss", "ACL public TABLE users boss", "ACL public COLUMN tenants.id boss"],
            plan.Grants.Select(entry => entry.Description));
        Assert.Equal(Archive[..4], plan.Properties.Select(entry => entry.Description));
    }

    [Fact]
    public void A_superuser_leaves_out_only_what_the_server_lacks() =>
        Assert.Equal(["extension postgis"], RestorePlan.Of(Entries(), Rights(isSuperuser: true), ForAllTables).LeftOut.Select(text => text.Split(" (")[0]));

    [Fact]
    public void What_needs_an_extension_is_left_out_with_it()
    {
        ArchiveEntry[] entries =
        [
            Entry("3079 1", "EXTENSION - pg_cron "), Entry("0 0", "COMMENT - EXTENSION pg_cron "), Entry("1259 20", "VIEW my crm jobs boss"), Entry("0 0", "COMMENT my crm VIEW jobs boss"),
            Entry("0 0", "COMMENT my crm COLUMN jobs.id boss"), Entry("0 0", "ACL my crm TABLE jobs boss"), Entry("0 11", "TABLE DATA cron job boss"), Entry("0 0", "SEQUENCE SET cron job_id_seq boss"),
            Entry("1259 30", "TABLE public users boss"), Entry("0 30", "TABLE DATA public users boss"), Entry("1259 31", "SEQUENCE public ids boss"), Entry("0 0", "SEQUENCE SET public ids boss"),
            Entry("0 0", "COMMENT my crm VIEW jobs2 boss"),
        ];
        var needing = new Dictionary<string, IReadOnlyList<string>> { ["pg_cron"] = ["1259 20", "0 11", "0 12"] };

        var plan = RestorePlan.Of(entries, Rights(isSuperuser: false), new HashSet<string>(), needing);

        Assert.Equal(
            ["TABLE public users boss", "TABLE DATA public users boss", "SEQUENCE public ids boss", "SEQUENCE SET public ids boss", "COMMENT my crm VIEW jobs2 boss"],
            plan.Entries.Select(entry => entry.Description));
        Assert.Empty(plan.Grants);
        Assert.Equal(
            ["extension pg_cron", "VIEW my crm jobs", "the rows of cron job", "the position of sequence cron job_id_seq"],
            plan.LeftOut.Select(text => text.Split(" (")[0]));
    }

    [Fact]
    public void Without_a_record_the_rows_of_an_extensions_own_table_are_known_by_the_missing_table()
    {
        ArchiveEntry[] entries = [Entry("3079 1", "EXTENSION - pg_cron "), Entry("0 11", "TABLE DATA cron job boss"), Entry("1259 30", "TABLE public users boss"), Entry("0 30", "TABLE DATA public users boss")];

        var plan = RestorePlan.Of(entries, Rights(isSuperuser: false), new HashSet<string>());

        Assert.Equal(["TABLE public users boss", "TABLE DATA public users boss"], plan.Entries.Select(entry => entry.Description));
    }

    [Fact]
    public void A_comment_on_public_is_tried_and_may_fail() => Assert.Contains(
        RestorePlan.Of(Entries(), Rights(isSuperuser: false), ForAllTables).Grants, entry => entry.Is("COMMENT - SCHEMA public "));

    [Theory]
    [InlineData("GRANT SELECT ON TABLE public.users TO grafana", "grafana")]
    [InlineData("GRANT SELECT ON TABLE public.users TO \"Odd \"\"one\"\"\" WITH GRANT OPTION", "Odd \"one\"")]
    [InlineData("REVOKE CONNECT,TEMPORARY ON DATABASE logto FROM PUBLIC", "")]
    [InlineData("ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA public GRANT SELECT ON TABLES  TO grafana", "boss, grafana")]
    [InlineData("ALTER ROLE boss IN DATABASE logto SET work_mem TO '8MB'", "boss")]
    [InlineData("ALTER DATABASE logto SET search_path TO 'public', 'ops'", "")]
    [InlineData("ALTER DATABASE logto SET work_mem TO '8MB'", "")]
    [InlineData("ALTER DATABASE logto SET application_name TO 'move TO bob IN y'", "")]
    public void The_roles_of_a_statement_are_found(string statement, string roles) => Assert.Equal(roles, string.Join(", ", RestorePlan.RolesIn(statement)));

    [Theory]
    [InlineData("ALTER DATABASE logto CONNECTION LIMIT = 7", "logto", "ALTER DATABASE \"new\" CONNECTION LIMIT = 7")]
    [InlineData("GRANT CONNECT ON DATABASE \"my-db\" TO x", "\"my-db\"", "GRANT CONNECT ON DATABASE \"new\" TO x")]
    [InlineData("COMMENT ON DATABASE logto IS 'DATABASE logto is fine'", "logto", "COMMENT ON DATABASE \"new\" IS 'DATABASE logto is fine'")]
    [InlineData("ALTER DATABASE logto2 CONNECTION LIMIT = 7", "logto", "ALTER DATABASE logto2 CONNECTION LIMIT = 7")]
    public void A_statement_about_the_database_is_turned_to_the_new_one(string statement, string from, string expected) =>
        Assert.Equal(expected, RestorePlan.Rename(statement, from, "\"new\""));

    private static ArchiveEntry Entry(string id, string description) => new($"1; {id} {description}", description);

    private static ArchiveEntry[] Entries() =>
    [
        .. Archive.Select(description => Entry(
            description.StartsWith("TABLE public", StringComparison.Ordinal) ? "1259 5" : description.StartsWith("TABLE DATA", StringComparison.Ordinal) ? "0 5" : "0 0", description)),
    ];

    private static ClusterRights Rights(bool isSuperuser) =>
        new("boss", isSuperuser, MayCreateDatabases: true, MayCreateRoles: true, new HashSet<string> { "pg_trgm" }, new HashSet<string>(), ServerVersion: 150000);
}
