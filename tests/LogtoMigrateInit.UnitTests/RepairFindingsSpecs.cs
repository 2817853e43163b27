using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.Repair;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What <c>repair</c> finds, what of it the command may apply, and how the report shows it.</summary>
public sealed class RepairFindingsSpecs
{
    private static readonly LoginRole Healthy = new("logto_tenant_logto_default", true, true, true, -1, false, true, true, true, true, true);
    private static readonly RoleFacts Roles = new("logto_tenant_logto", "public", true, true, true, null, null, [Healthy]);
    private static readonly Inspection Old = MigrationPlanSpecs.Logto with { ServerVersion = 140012 };
    private static readonly Inspection New = MigrationPlanSpecs.Logto with { ServerVersion = 170002 };

    [Fact]
    public void Healthy_roles_have_no_finding() => Assert.Empty(RoleFindings.Of(Roles, New, withTables: true));

    [Fact]
    public void All_attributes_of_a_role_are_repaired_at_once() =>
        Assert.Equal(
            "alter role \"logto_tenant_logto_default\" login connection limit -1 valid until 'infinity'",
            Assert.Single(Of(Healthy with { MayLogIn = false, ConnectionLimit = 0, IsExpired = true }, New)).Sql);

    [Fact]
    public void A_membership_that_is_not_inherited_is_repaired_as_the_release_of_the_server_wants_it()
    {
        var role = Healthy with { Inherits = false, HasParentsRights = false };

        Assert.Equal(["alter role \"logto_tenant_logto_default\" inherit"], Of(role, Old).Select(finding => finding.Sql));
        Assert.Equal(["grant \"logto_tenant_logto\" to \"logto_tenant_logto_default\" with inherit true"], Of(role, New).Select(finding => finding.Sql));
        Assert.Equal(2, Of(role with { IsMember = false }, Old).Count());
    }

    [Fact]
    public void A_name_adds_no_statement_and_no_line()
    {
        const string Name = "a\"; drop table users; --\n$$ '";
        var missing = Assert.Single(Of(Healthy with { Name = Name, Exists = false }, New));
        var report = RepairText.Of("logto", Survey(missing), new RepairProgress());

        Assert.Equal("create role \"a\"\"; drop table users; --\n$$ '\" inherit login in role \"logto_tenant_logto\"", missing.Sql);
        Assert.All(
            report.Split('\n'),
            line => Assert.True(line.Length == 0 || line.StartsWith("-- ", StringComparison.Ordinal) || line.StartsWith("set ", StringComparison.Ordinal) || line.StartsWith("create role \"a\"\"; drop", StringComparison.Ordinal) || line.StartsWith("$$ '", StringComparison.Ordinal), line));
    }

    [Theory]
    [InlineData(nameof(Difference.Missing), "policy", "create policy a on b", true)]
    [InlineData(nameof(Difference.Different), "policy", "drop policy a on b; create policy a on b", true)]
    [InlineData(nameof(Difference.Added), "policy", "drop policy a on b", false)]
    [InlineData(nameof(Difference.Missing), "index", "CREATE INDEX CONCURRENTLY a ON b (c)", true)]
    [InlineData(nameof(Difference.Different), "index", "drop index concurrently a; CREATE INDEX CONCURRENTLY a ON b (c)", false)]
    [InlineData(nameof(Difference.Added), "grant", "revoke delete on table a from b", true)]
    [InlineData(nameof(Difference.Missing), "column", "alter table a add column b", false)]
    [InlineData(nameof(Difference.Missing), "constraint", "alter table a add constraint b", false)]
    [InlineData(nameof(Difference.Different), "constraint", "alter table a enable trigger all", false)]
    [InlineData(nameof(Difference.Different), "enum", "alter type a add value 'b'", false)]
    [InlineData(nameof(Difference.Missing), "default", "alter table a alter column b set default 1", false)]
    [InlineData(nameof(Difference.Different), "trigger", null, false)]
    public void Only_what_deletes_nothing_is_applied_by_the_command(string what, string kind, string? sql, bool isApplied)
    {
        var report = new DriftReport([new SchemaDifference(Enum.Parse<Difference>(what), kind, "a on b", "expected", "found", sql)], [], 1);

        var finding = Assert.Single(SchemaFindings.Of(report, New));

        Assert.Equal(isApplied ? RepairBy.Command : RepairBy.Operator, finding.By);
        var lines = RepairText.Of("logto", Survey(finding), new RepairProgress()).Split('\n');
        Assert.Equal(isApplied, lines.Contains($"{sql};"));
    }

    /// <summary>By the name alone nobody can tell an index that a rebuild left from one of the operator's.</summary>
    [Fact]
    public void An_invalid_index_is_built_again_and_one_with_the_name_of_a_left_over_is_for_the_operator_to_drop() =>
        Assert.Equal(
            [("reindex index concurrently \"users__id\"", RepairBy.Command), ("drop index concurrently \"users__id_ccnew1\"", RepairBy.Operator)],
            SchemaFindings.Of(new DriftReport([], [], 1), New with { InvalidIndexes = ["users__id", "users__id_ccnew1"] }).Select(finding => (finding.Sql, finding.By)));

    [Theory]
    [InlineData(nameof(Difference.Added), "table users to public", "revoke select on table users from public", false)]
    [InlineData(nameof(Difference.Different), "table users to its owner", "revoke delete on table users from o", false)]
    [InlineData(nameof(Difference.Missing), "table users to its owner", "grant insert on table users to o", true)]
    [InlineData(nameof(Difference.Added), "table systems to logto_tenant_logto", "revoke select on table systems from logto_tenant_logto", true)]
    public void Rights_are_taken_from_Logtos_own_roles_only(string what, string name, string sql, bool isApplied)
    {
        var report = new DriftReport([new SchemaDifference(Enum.Parse<Difference>(what), "grant", name, "expected", "found", sql)], [], 1);

        Assert.Equal(isApplied ? RepairBy.Command : RepairBy.Operator, Assert.Single(SchemaFindings.Of(report, New)).By);
    }

    [Fact]
    public void Repaired_is_only_what_a_later_look_does_not_find()
    {
        var (gone, left) = (new Finding("a", RepairBy.Command, "a"), new Finding("b", RepairBy.Command, "b"));
        var progress = new RepairProgress();
        progress.Applied(gone);
        progress.Applied(left);

        Assert.Equal((2, 1), (progress.CountApplied, progress.CountRepaired(Survey(left))));
    }

    [Theory]
    [InlineData(3, 1, 0, 2, true)]
    [InlineData(3, 1, 1, 1, false)]
    [InlineData(4, 1, 0, 2, false)]
    [InlineData(3, 2, 0, 1, false)]
    public void Signing_keys_are_trimmed_only_where_that_makes_the_set_acceptable(int count, int current, int next, int previous, bool isTrimmed) =>
        Assert.Equal(isTrimmed ? 1 : 0, SchemaFindings.OfKeys([new KeySet("default", KeySet.PrivateKeys, count, current, next, previous)]).Count());

    [Fact]
    public void What_was_tried_is_not_tried_again_and_says_why()
    {
        var finding = new Finding("a", RepairBy.Command, "b");
        var progress = new RepairProgress();
        Assert.False(progress.HasTried(finding));

        progress.Failed(finding, "permission denied");

        Assert.True(progress.HasTried(finding));
        Assert.Contains("--    not repaired: permission denied. Run this as a superuser, or correct the cause:\nb;", RepairText.Of("logto", Survey(finding), progress), StringComparison.Ordinal);
    }

    private static IEnumerable<Finding> Of(LoginRole role, Inspection inspection) => RoleFindings.Of(Roles with { Logins = [role] }, inspection, withTables: false);

    private static RepairSurvey Survey(params Finding[] findings) => new()
    {
        Inspection = New,
        State = new AlterationState(1786431364),
        Pending = [],
        Findings = findings,
        Problems = [],
        NotCompared = null,
        Compared = 1,
    };
}
