using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class SqlTextSpecs
{
    [Theory]
    [InlineData("alter role me password 'S3cret'", "alter role me password '***'")]
    [InlineData("CREATE ROLE me LOGIN ENCRYPTED PASSWORD 'S3cret' VALID UNTIL 'S3cret'", "CREATE ROLE me LOGIN ENCRYPTED PASSWORD '***' VALID UNTIL '***'")]
    [InlineData("ALTER USER me PASSWORD 'SCRAM-SHA-256$4096:S3cret$S3cret:S3cret='", "ALTER USER me PASSWORD '***'")]
    [InlineData("alter role me password E'it\\'s S3cret'; select 1", "alter role me password '***'; select 1")]
    [InlineData("alter role me password e'\\\\'; select 'S3cret'", "alter role me password '***'; select '***'")]
    [InlineData("alter role me password U&'S3cret\\0061'", "alter role me password ***")]
    [InlineData("select U&'S3cret\\0061', B'1', N'S3cret', name'S3cret\n'", "select U&'***', B'***', N'***', name'***'")]
    [InlineData("alter role me password $$S3cret$$ login", "alter role me password '***' login")]
    [InlineData("alter role me password $p$S3$cret'$$S3cret$p$ login", "alter role me password '***' login")]
    [InlineData("alter role me password 'it''s S3cret' login", "alter role me password '***' login")]
    [InlineData("alter role me password 'S3cr", "alter role me password '***'")]
    [InlineData("alter role me password $$S3cr", "alter role me password '***'")]
    [InlineData("alter role me password E'S3cr\\", "alter role me password '***'")]
    [InlineData("alter role me password S3cret", "alter role me password ***")]
    [InlineData("alter role me password \"S3cret\" login", "alter role me password *** login")]
    [InlineData("alter role me password null", "alter role me password null")]
    [InlineData("/* it's */ alter role me password 'S3cret'", "alter role me password '***'")]
    [InlineData("/* a /* nested ' */ ' */ alter role me password 'S3cret'", "alter role me password '***'")]
    [InlineData("-- it's\nalter role me password 'S3cret' -- S3cret", "alter role me password '***'")]
    [InlineData("/* S3cret", "")]
    [InlineData("select \"it's\", 'S3cret'", "select \"it's\", '***'")]
    [InlineData("select a$1$, 'S3cret $1$'", "select a$1$, '***'")]
    [InlineData("select 'a\\' , ' S3cret '", "select '***' …")] // where standard_conforming_strings is off, S3cret is outside for us and inside for the server
    [InlineData("update t set a = $1\n   where b in ($2, 3)", "update t set a = $1 where b in ($2, 3)")]
    [InlineData("select password from users", "select password from users")]
    [InlineData("<hidden>", "<hidden>")]
    public void A_statement_is_shown_without_its_values(string sql, string expected) => Assert.Equal(expected, SqlText.WithoutLiterals(sql));

    [Fact]
    public void A_long_statement_is_cut() => Assert.Equal($"select {new string('x', 193)}…", SqlText.WithoutLiterals($"select {new string('x', 9000)}"));
}
