using LogtoMigrateInit.Reporting;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>URLs that operators write, and ones that nobody should; the same list in every run.</summary>
internal static class DatabaseUrlCorpus
{
    private const int GeneratedUrls = 3000;

    private static readonly string[] Schemes =
        ["postgresql://", "postgres://", "POSTGRESQL://", "Postgres://", "post\tgres://", " postgresql://", "\n\tpostgres://", "\u0001postgres://"];

    private static readonly string[] OddSchemes =
        ["mysql://", "http://", "file://", "postgresql:/", "postgresql:", "postgres:\\\\", "postgres+ssl://", "jdbc:postgresql://", "", "//", "\u00a0postgres://", "postgresql ://", "postgresql:// "];

    private static readonly string[] Texts =
    [
        "u", "logto", "Log-To_1", "a.b~c", "p%40ss", "p%ss", "%", "%4", "%zz", "%25", "%2541", "%C3%B6", "%c3%b6", "%C3", "%FF", "%ED%A0%80", "%F0%9F%98%80",
        "%C0%80", "%EF%BB%BF", "ö", "密码", "😀", "\ud83d", "a b", "a+b", "a%20b", "a\tb", "a\nb", "a\r\nb", "!$&'()*,;=", "\"<>`{}|^", "[x]", "\\", "a:b", "a@b", ":@:@", "@@",
        "%3A%40%2F%3F%23", "a#b", "a?b", "a/b", "\u007f", "\u0001", "\u00a0", "\u200b", "%00", "%0A", "undefined", "null", "0", "",
    ];

    private static readonly string[] Hosts =
    [
        "db", "localhost", "127.0.0.1", "127.1", "0x7f.1", "DB.Example.COM", "db.example.com.", "a_b", "a-b", "-", ".", "..", "db..x", "my%2Dhost", "%2Fvar%2Frun%2Fpostgresql", "%64b", "%", "%zz", "dö", "密码.example",
        "xn--d-xka", "a b", "a,b", "a;b", "a|b", "a^b", "a<b", "a>b", "a\\b", "a\tb", "a\nb", "a[b", "a]b", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "[::1", "::1]", "[]", "[db]", "[1.2.3.4]", "::1", "fe80::1", "a+b", "a~b", "a!b", "a$b", "a&b", "a'b",
        "a(b)", "a*b", "a=b", "a\"b", "a`b", "a{b}", "\u007f", "\u00ad", "a\u200bb", "\u00a0", "1.2.3.4.5", "256.1.1.1", "4294967296", "",
    ];

    private static readonly string[] Ports =
    [
        "", "", "", ":5432", ":5433", ":", ":0", ":00", ":1", ":65535", ":65536", ":99999999999999999999", ":05432", ":00000000000000000000005432", ":-1", ":+1", ":5432a", ":a", ": 5432", ":5432 ", ":54\t32", ":٥٤", ":１２", ":5432:5433", ":0x15", ":1e3", ":%35",
    ];

    private static readonly string[] Paths =
    [
        "/logto", "/logto", "/logto", "/", "", "//logto", "///", "/logto/", "/logto/more", "/logto//", "/./logto", "/../logto", "/a/../logto", "/a/b/../../logto", "/logto/..", "/logto/.", "/.", "/..", "/...", "/a/..//b", "//../logto", "/a//../b", "/%2e/logto", "/%2E%2e/logto", "/.%2e/logto", "/x/%2e%2E/logto",
        "/%2F", "/a%2Fb", "/%2e%2e%2Fb", "/\\", "/a\\b", "/C:", "/C|/x", "/;a=b", "/a:b@c", "/.logto", "/logto.", "/ ", "/logto ", "/ logto", "/a%",
    ];

    private static readonly string[] Queries =
    [
        "", "", "", "?", "??", "?sslmode=require", "?sslmode=disable&sslmode=no-verify", "?sslmode=", "?sslmode", "?sslmode=require&sslmode=", "?sslmode=&sslmode=require", "?SSLMODE=require", "?ssl%6Dode=no%2dverify", "?sslmode=re+quire", "?sslmode=%20require", "?sslmode=require%00", "?sslmode=%FF", "?sslmode=%", "?sslmode=%2", "?sslmode=%zz",
        "?sslmode=a=b", "?sslmode=require?x", "?sslmode=require;a=b", "?sslmode=require/", "?sslmode=requiré", "?sslmode=req\tuire", "?application_name=a%20b&sslmode=require", "?application_name=", "?options=-c%20a=b", "?options=a&options=b&connect_timeout=10", "?a", "?=", "?=x", "?&&", "?a=&", "?&a", "?a=b=c", "?+=+", "?__proto__=x", "?constructor=x&toString",
        "?ö=1", "?%C3%B6=1&ö=2", "?%F0%28%8C%28=1", "?%E2%82=1", "?%EF%BB%BFa=1", "?😀=1", "?a=\"<>'`", "?host=evil&user=x&password=y&port=1&dbname=z", "?x@y", "?a:b/c", "?%26=1&%3D=2&%2B=3&%23=4", "?\ud83d=1",
    ];

    private static readonly string[] Fragments = ["", "", "", "", "", "#", "#x", "#?sslmode=require", "#a@b/c", "##"];

    private static readonly string[] Ends = ["", "", "", "", " ", "\n", "\r\n", "\t \t", "\u0001", "\u00a0"];

    private static readonly string[] HandPicked =
    [
        "", " ", "\n", "logto", "postgresql://", "postgres:///", "postgres:////", "postgres://@", "postgres://@/logto", "postgres://:@/logto", "postgres://:@db/logto", "postgres://:p@db/logto", "postgres://u@/logto", "postgres://u:p@:5432/logto", "postgres://:5432/logto", "postgres://:/logto",
        "postgres://u:p@db", "postgres://u:p@db/", "postgres://u:p@db?sslmode=require", "postgres://u:p@db#x", "postgres://u:p@db/?sslmode=require", "postgres:///logto?host=/var/run/postgresql", "postgres://%2Fvar%2Frun/logto", "postgres://u:p@one,two/logto", "postgres://u:p@one:1,two:2/logto",
        "postgres://u:p@db/logto postgres://u:p@db/other", "\"postgres://u:p@db/logto\"", "'postgres://u:p@db/logto'", "DB_URL=postgres://u:p@db/logto", "postgresql://logto:p/w@db:5432/logto", "postgresql://logto:p#w@db:5432/logto", "postgresql://logto:p?w@db:5432/logto", "postgresql://logto:p@w@db:5432/logto", "postgresql://logto:p:w@db:5432/logto",
        "postgresql://logto:p%w@db:5432/logto", "postgresql://logto:p w@db:5432/logto", "postgresql://logto:p\\w@db:5432/logto", "postgresql://u:p@db:5432/logto?sslmode=require&sslrootcert=/ca.pem", "postgresql://user%40tenant:p@db.postgres.database.example:5432/logto?sslmode=require", "postgresql://postgres.ref:p@pooler.example:6543/postgres?pgbouncer=true",
        "host=db dbname=logto user=u", "op://vault/logto/url", "vault:secret/data/logto#url", "postgresql+psycopg2://u:p@db/logto", "postgis://u:p@db/logto", "pg://u:p@db/logto", "tcp://db:5432/logto", "//db/logto", "/logto", "postgres:logto", "postgres:/logto", "postgres:u:p@db/logto", "postgres:/db/logto", "postgres://\tu:p@d\nb/lo\rgto", "pos\ntgresql:/\t/u@db/logto",
    ];

    /// <summary>All of them, no two alike.</summary>
    public static IReadOnlyList<string> All() =>
        [.. HandPicked.Concat(OneOddPartEach()).Concat(Generated()).Where(url => !url.Contains('\0', StringComparison.Ordinal)).Distinct()];

    /// <summary>Everything plain but one part, so that nothing else can hide how that part is read.</summary>
    private static IEnumerable<string> OneOddPartEach() =>
    [
        .. Schemes.Concat(OddSchemes).Select(scheme => $"{scheme}u:p@db:5432/logto"),
        .. Texts.Select(user => $"postgres://{user}@db/logto"),
        .. Texts.Select(password => $"postgres://u:{password}@db/logto"),
        .. Hosts.Select(host => $"postgres://u:p@{host}/logto"),
        .. Hosts.Select(host => $"postgres://{host}:5432/logto"),
        .. Ports.Select(port => $"postgres://u:p@db{port}/logto"),
        .. Paths.Concat(Texts.Select(text => $"/{text}")).Select(path => $"postgres://u:p@db{path}"),
        .. Paths.Select(path => $"postgres://{path}"),
        .. Queries.Select(query => $"postgres://u:p@db/logto{query}"),
        .. Fragments.Concat(Ends).Select(end => $"postgres://u:p@db/logto?sslmode=require{end}"),
    ];

    private static IEnumerable<string> Generated()
    {
#pragma warning disable CA5394 // A fixed seed makes the same list in every run; nothing here is secret.
        var random = new Random(20261122);
        for (var count = 0; count < GeneratedUrls; count++)
        {
            var userinfo = random.Next(6) switch
            {
                0 => "",
                1 => $"{Usually("u", Texts)}@",
                2 => $"{Usually("u", Texts)}:@",
                3 => $":{Usually("p", Texts)}@",
                _ => $"{Usually("u", Texts)}:{Usually("p", Texts)}@",
            };
            var path = Usually("/logto", [.. Paths, .. Texts.Select(text => $"/{text}")]);
            yield return $"{Any(random.Next(20) == 0 ? OddSchemes : Schemes)}{userinfo}{Usually("db", Hosts)}{Any(Ports)}{path}{Any(Queries)}{Any(Fragments)}{Any(Ends)}";
        }

        string Any(string[] choices) => choices[random.Next(choices.Length)];

        // One bad part makes the whole URL bad, so most parts are plain.
        string Usually(string plain, string[] choices) => random.Next(3) > 0 ? plain : Any(choices);
#pragma warning restore CA5394
    }
}
