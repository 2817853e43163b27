using LogtoMigrateInit.Backups;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Rehearsal;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What a copy gets of the real database.</summary>
public sealed class DatabaseCopySpecs
{
    private const long Large = 2 * 1024 * 1024;

    [Fact]
    public void Large_tables_and_those_that_lead_to_them_come_without_rows() =>
        Assert.Equal(
            ["public.logs", "public.users", "public.users_roles", "public.passkeys"],
            DatabaseCopy.WithoutRows([Table("logs", Large), Table("users", Large), Table("users_roles", 10, "users", "roles"), Table("roles", 10), Table("passkeys", 10, "users_roles")]));

    [Fact]
    public void Tables_that_lead_to_each_other_are_no_endless_way() =>
        Assert.Empty(DatabaseCopy.WithoutRows([Table("a", 10, "b"), Table("b", 10, "a"), Table("c", 10, "c")]));

    [Theory]
    [InlineData("logto_tenant_my_db", "logto_tenant_my_db_scratch_0")]
    [InlineData("logto_tenant_my-db", "logto_tenant_my-db_scratch_0")]
    [InlineData("logto_tenant_my_db_default", "logto_tenant_my_db_scratch_0_default")]
    [InlineData("logto_tenant_my_dba", "logto_tenant_my_dba")]
    [InlineData("reporting", "reporting")]
    public void Logtos_roles_have_names_of_their_own_for_a_copy(string role, string expected) => Assert.Equal(expected, new CopiedRoles("my-db", "my-db_scratch_0").NameFor(role));

    [Theory]
    [InlineData("GRANT SELECT ON TABLE public.users TO logto_tenant_a", "GRANT SELECT ON TABLE public.users TO \"LOGTO_TENANT_A\"")]
    [InlineData("GRANT SELECT ON TABLE public.users TO \"logto_tenant_a-b\" WITH GRANT OPTION", "GRANT SELECT ON TABLE public.users TO \"LOGTO_TENANT_A-B\" WITH GRANT OPTION")]
    [InlineData("GRANT SELECT ON TABLE public.users TO PUBLIC", "GRANT SELECT ON TABLE public.users TO PUBLIC")]
    public void A_grant_goes_to_the_role_of_the_copy(string statement, string expected) => Assert.Equal(expected, RestorePlan.RenameRoles(statement, role => role.ToUpperInvariant()));

    [Theory]
    [InlineData("postgresql://u:p@h:5432/logto", "postgresql://u:p@h:5432/other%20one")]
    [InlineData("postgres://u:p@h/logto?sslmode=require#x", "postgres://u:p@h/other%20one?sslmode=require")]
    [InlineData("postgresql:///logto", "postgresql:///other%20one")]
    public void A_URL_for_another_database_differs_in_nothing_else(string url, string expected) => Assert.Equal(expected, new UrlForLogto(url).WithDatabase("other one").Text);

    private static TableSize Table(string name, long bytes, params string[] references) => new(name, $"public.{name}", bytes, [.. references.Select(reference => $"public.{reference}")]);
}
