using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>Names and literals inside of statements.</summary>
public sealed class SqlNamesSpecs
{
    [Theory]
    [InlineData("begin null; end", "do $$ begin null; end $$")]
    [InlineData("perform 'a') $$;alter role x superuser;--'", "do $body1$ perform 'a') $$;alter role x superuser;--' $body1$")]
    [InlineData("'$$ $body1$'", "do $body2$ '$$ $body1$' $body2$")]
    public void A_body_cannot_end_its_own_statement(string body, string sql) => Assert.Equal(sql, SqlNames.Do(body));

    [Theory]
    [InlineData("it's", "'it''s'")]
    [InlineData(@"a\'; drop table users; --", @"E'a\\''; drop table users; --'")]
    public void A_literal_ends_where_it_should_whatever_backslashes_mean_to_the_server(string text, string sql) => Assert.Equal(sql, SqlNames.Literal(text));

    [Fact]
    public void A_role_s_name_adds_no_statement_to_the_SQL_that_an_operator_runs()
    {
        const string Role = "a') $$;alter role logto superuser;--\nb";

        var (passwords, roles) = (TenantRolesSql.SetPasswords([Role]), TenantRolesSql.MakeRolesFor(Role));

        Assert.All([passwords, roles], sql => Assert.True(sql.StartsWith("do $body1$ ", StringComparison.Ordinal) && sql.EndsWith(" $body1$", StringComparison.Ordinal), sql));
        Assert.Contains("'a'') $$;alter role logto superuser;--\nb'", passwords, StringComparison.Ordinal);
    }
}
