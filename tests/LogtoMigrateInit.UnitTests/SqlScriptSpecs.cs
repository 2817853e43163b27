using LogtoMigrateInit.PostgresTools;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What pg_restore prints of definitions, taken apart.</summary>
public sealed class SqlScriptSpecs
{
    [Fact]
    public void Statements_are_cut_at_semicolons_outside_of_quotes_and_comments() =>
        Assert.Equal(
            ["COMMENT ON DATABASE x IS 'it''s;\n--no comment\n\\connect \"y\"'", "GRANT SELECT ON TABLE public.\"odd;name\" TO \"a \"\"b\"\"\""],
            SqlScript.Split(
                """"
                --
                -- Name: x; Type: DATABASE
                --

                \restrict abc;
                SET statement_timeout = 0;
                SELECT pg_catalog.set_config('search_path', '', false);
                COMMENT ON DATABASE x IS 'it''s;
                --no comment
                \connect "y"';


                GRANT SELECT ON TABLE public."odd;name" TO "a ""b""";
                RESET SESSION AUTHORIZATION;
                \unrestrict abc
                """"));

    [Theory]
    [InlineData("")]
    [InlineData("\n-- nothing\n")]
    [InlineData("\\restrict x")]
    public void Nothing_gives_nothing(string script) => Assert.Empty(SqlScript.Split(script));
}
