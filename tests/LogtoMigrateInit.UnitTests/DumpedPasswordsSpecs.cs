using LogtoMigrateInit.Backups;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class DumpedPasswordsSpecs
{
    private const string Rows = """
        SET default_table_access_method = heap;
        COPY public.tenants (id, db_user, db_user_password, is_suspended) FROM stdin;
        default	logto_tenant_logto_default	one	f
        admin	logto_tenant_logto_admin	two	f
        other	logto_tenant_logto_other	three	f
        \.
        """;

    [Fact]
    public void The_passwords_of_the_two_tenants_that_Logto_needs_are_read_from_the_rows() =>
        Assert.Equal([("logto_tenant_logto_default", "one"), ("logto_tenant_logto_admin", "two")], DumpedPasswords.Of(Rows));

    [Fact]
    public void A_null_an_escape_and_another_table_give_none()
    {
        Assert.Empty(DumpedPasswords.Of("COPY t.tenants (id, db_user, db_user_password) FROM stdin;\ndefault\t\\N\tx\nadmin\ta\\\\b\tx\n\\.\n"));
        Assert.Empty(DumpedPasswords.Of("COPY t.users (id, db_user, db_user_password) FROM stdin;\ndefault\tr\tx\n\\.\n"));
        Assert.Empty(DumpedPasswords.Of(""));
    }
}
