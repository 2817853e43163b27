using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class DatabaseUrlSpecs
{
    [Theory]
    [InlineData("postgresql://u:p@db:5433/logto", "db", 5433, "u", "p", "logto")]
    [InlineData("POSTGRES://u@db/logto", "db", null, "u", null, "logto")]
    [InlineData("postgres:///logto", null, null, null, null, "logto")]
    [InlineData("  postgres://u:a%40b%23c%25@db/lo%20gto/more \n", "db", null, "u", "a@b#c%", "lo gto")]
    [InlineData("postgres://u:a@b@db/logto", "db", null, "u", "a@b", "logto")]
    [InlineData("postgres://u:a:b@db/logto#fragment", "db", null, "u", "a:b", "logto")]
    [InlineData("postgres://u:@db:/l%C3%B6gto", "db", null, "u", null, "lögto")]
    [InlineData("postgres://u:p@db/./a/../logto", "db", null, "u", "p", "logto")]
    [InlineData("postgresql+psycopg2://u:p@db/logto", "db", null, "u", "p", "logto")]
    [InlineData("postgis://u:p@db:1/logto", "db", 1, "u", "p", "logto")]
    [InlineData("pg://u:p@db/logto", "db", null, "u", "p", "logto")]
    [InlineData("postgres://u:${p}@db/logto", "db", null, "u", "${p}", "logto")]
    public void A_URL_is_read_as_slonik_reads_it(string text, string? host, int? port, string? user, string? password, string database)
    {
        var url = DatabaseUrl.Parse(text);

        Assert.Equal((host, port, user, password, database), (url.Host, url.Port, url.User, url.Password, url.Database));
    }

    [Theory]
    [InlineData("mysql://u:secret@db/logto", "must start with postgresql://")]
    [InlineData("mysql+pymysql://u:secret@db/logto", "(mysql+pymysql://)")]
    [InlineData("https://u:secret@db/logto", "(https://)")]
    [InlineData("", "is empty")]
    [InlineData("\"postgresql://u:secret@db/logto\"", "quotation mark")]
    [InlineData("'postgresql://u:secret@db/logto'", "quotation mark")]
    [InlineData("DB_URL=postgresql://u:secret@db/logto", "whole line")]
    [InlineData("export X='postgresql://u:secret@db/logto'", "whole line")]
    [InlineData("cG9zdGdyZXNxbDovL3U6c2VjcmV0QGRiL2xvZ3Rv", "base64")]
    [InlineData("cG9zdGdyZXNxbDovL3U6c2VjcmV0QGRiOjU0MzIvbG9ndG8K", "base64")]
    [InlineData("${DB_URL}", "placeholder")]
    [InlineData("$DB_URL", "placeholder")]
    [InlineData("$(DB_URL)", "placeholder")]
    [InlineData("<sec>", "placeholder")]
    [InlineData("{{ .Values.sec }}", "placeholder")]
    [InlineData("vault:sec/data/logto#DB_URL", "placeholder")]
    [InlineData("arn:aws:secretsmanager:eu-west-1:1:sec:logto", "placeholder")]
    [InlineData("projects/1/secrets/logto/versions/latest", "placeholder")]
    [InlineData("op://sec/logto/url", "placeholder")]
    [InlineData("host=db user=u password=secret dbname=logto", "keywords")]
    [InlineData("Host=db;Username=u;Password=secret", "keywords")]
    [InlineData("jdbc:postgresql://db/logto?user=u&password=secret", "Java")]
    [InlineData("postgresql://u:secret@db1:1,db2:2/logto?target_session_attrs=read-write", "several hosts")]
    [InlineData("postgresql://u:secret@db/logto?application_name=a%00b", "has a zero byte (%00) in its application_name")]
    [InlineData("logto", "must start with postgresql://")]
    [InlineData("postgresql://u:secret@db", "names no database")]
    [InlineData("postgresql://u:secret@db/", "names no database")]
    [InlineData("postgresql://u:sec#ret@db/logto", "written as %23")]
    [InlineData("postgresql://u:sec/ret@db/logto", "written as %2F")]
    [InlineData("postgresql://u:sec?ret@db/logto", "written as %3F")]
    [InlineData("postgresql://u:secret%@db/logto", "literal '%' is written as %25")]
    [InlineData("postgresql://u:secret%FF@db/logto", "literal '%' is written as %25")]
    [InlineData("postgresql://u:secret%00@db/logto", "has a zero byte (%00) in its password")]
    [InlineData("postgresql://u:secret@[::1]:5432/logto", "IPv6")]
    [InlineData("postgresql://u:secret@/logto", "names no host")]
    [InlineData("postgresql://u:secret@db:port/logto", "port")]
    [InlineData("postgresql://u:secret@db:70000/logto", "port")]
    [InlineData("postgresql://u:secret@one,two/logto", "','")]
    [InlineData("postgresql://u:12/sec@db/logto", "written as %2F")] // "u" would be the host, and 12 the port
    [InlineData("postgresql://u:/sec@db/logto", "written as %2F")]
    [InlineData("postgresql://u:12/sec@db", "written as %2F")]
    [InlineData("postgresql://u:p@sec/ret@db:5432/logto", "written as %2F")] // "sec" would be the host
    [InlineData("postgresql://u:p@sec/ret?sec@db/logto", "written as %2F")]
    [InlineData("postgresql://u:p@sec!ret/x@db/logto", "written as %2F")]
    [InlineData("postgresql://u:p@db/x?sec=1&sec@db/logto", "%40")] // "sec" would be parameters
    [InlineData("postgresql://u:p@db/x?sslmode=sec@db/logto", "%40")]
    [InlineData("postgresql://u:p@db/x#sec@db/logto", "%40")]
    [InlineData("postgresql://u:1?sec@db/logto", "written as %3F")]
    [InlineData("postgresql://u:1#sec@db/logto", "written as %23")]
    [InlineData("postgresql://sec/ret:p@db/logto", "written as %2F")]
    public void A_URL_that_Logto_cannot_use_is_explained_without_its_secrets(string text, string explanation)
    {
        var message = Assert.Throws<FormatException>(() => DatabaseUrl.Parse(text)).Message;

        Assert.Contains(explanation, message, StringComparison.Ordinal);
        Assert.DoesNotContain("sec", message.Replace("the secret manager", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgres://u@db/l?sslmode=disable&sslmode=require", "require")]
    [InlineData("postgres://u@db/l?sslmode=", null)]
    [InlineData("postgres://u@db/l?SSLMODE=require", null)]
    [InlineData("postgres://u@db/l?sslmode=no%2Dverify", "no-verify")]
    public void The_last_sslmode_counts(string text, string? mode) => Assert.Equal(mode, DatabaseUrl.Parse(text).SslMode);

    [Fact]
    public void Parameters_that_Logto_ignores_are_named() =>
        Assert.Equal(["options", "connect_timeout"], DatabaseUrl.Parse("postgres://u@db/l?options=a&application_name=x&connect_timeout=5").IgnoredParameters);

    [Theory]
    [InlineData("postgres://u@db/l", "postgres://u@db/l?application_name=gate-1")]
    [InlineData("postgres://u@db/l?application_name=x#y", "postgres://u@db/l?application_name=x&application_name=gate-1")]
    public void Our_name_is_the_last_one(string text, string expected) => Assert.Equal(expected, new UrlForLogto(DatabaseUrl.Parse(text).Text).WithApplicationName("gate-1"));
}
