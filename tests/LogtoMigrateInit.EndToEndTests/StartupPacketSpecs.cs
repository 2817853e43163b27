using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// The gate and Logto introduce themselves to the server alike: same user, password, database and options, whatever the URL and
/// the environment leave open. A listener writes down what each of them really sends.
/// </summary>
public sealed class StartupPacketSpecs
{
    private static readonly string[] Urls =
    [
        "postgresql://user:secret@{host}/logto",
        "POSTGRES://user:secret@{host}/logto",
        "postgres://us%40er:p%40s%2Fs%23%3F%25@{host}/lo%20gto",
        "postgres://us@er:p@s:s@{host}/logto",
        "postgres://us er:p&s=s+s@{host}/lo+gto",
        "postgres://us%2Ber:p%2Bs@{host}/LOGTO-1.b",
        "postgres://b%C3%BCrger:pässwörd@{host}/datenbänk",
        "postgres://%E5%AF%86:%F0%9F%98%80@{host}/%E7%A0%81",
        "postgres://us'er:pa\"ss@{host}/lo'g\"to",
        "postgres://us\\er:pa\\ss@{host}/lo\\gto",
        "postgres://us;er:pa;ss=x@{host}/lo;gto",
        "postgres://user: p%20@{host}/%20logto%20",
        "postgres://user:s\te\nc\rret@{host}/lo\tgto\n",
        "postgres://user:secret@{host}/logto/more/parts",
        "postgres://user:secret@{host}/./a/../logto",
        "postgres://user:secret@{host}/lo%2Fgto",
        "postgres://user:secret@{host}/logto?sslmode=disable",
        "postgres://user:secret@{host}/logto?sslmode=prefer",
        "postgres://user:secret@{host}/logto?sslmode=require&sslmode=",
        "postgres://user:secret@{host}/logto?application_name=my+app",
        "postgres://user:secret@{host}/logto?options=-c%20a%3Db&user=x&password=y&dbname=z&host=evil&port=1",
        "postgres://user:secret@{host}/logto#fragment",
        "postgres://user:undefined@{host}/null",
    ];

    private static readonly string[] UrlsWithoutUser = ["postgres://{host}/logto", "postgres://:secret@{host}/logto", "postgres://@{host}/logto", "postgres://user@{host}/logto"];

    private static readonly string[] UrlsWithoutHost = ["postgres:///logto", "postgres:///logto?sslmode=disable"];

    private static readonly string[] UrlsWithoutPort = ["postgres://user:secret@127.0.0.1/logto", "postgres://user:secret@127.0.0.1:/logto", "postgres://user:secret@127.0.0.1:0/logto"];

    public static TheoryData<string, string[], string[]> Cases =>
        new()
        {
            { "nothing", Urls, [] },
            { "a user of the system", UrlsWithoutUser, ["USER=system user", "PGPASSWORD=from the environment"] },
            { "PGUSER", UrlsWithoutUser, ["USER=system", "PGUSER=pgüser", "PGPASSWORD=pässwörd"] },
            { "empty variables", UrlsWithoutUser, ["USER=system", "PGUSER=", "PGPASSWORD=from the environment", "PGOPTIONS=", "PGHOST=", "PGPORT="] },
            { "all in the URL", Urls[..3], ["USER=system", "PGUSER=other", "PGPASSWORD=other", "PGHOST=192.0.2.1", "PGPORT=1", "PGDATABASE=other"] },
            { "PGHOST and PGPORT", UrlsWithoutHost, ["PGHOST=127.0.0.1", "PGPORT={port}", "PGUSER=user", "PGPASSWORD=secret"] },
            { "PGPORT", UrlsWithoutPort, ["PGPORT={port}"] },
            { "localhost", ["postgres://user:secret@localhost:{port}/logto", "postgres:///logto"], ["PGPORT={port}", "PGUSER=user", "PGPASSWORD=secret"] },
            { "options", Urls[..2], ["PGOPTIONS=-c search_path=a\\ b,public --statement-timeout=5min -c application_name=x"] },
            { "options of quotes and letters", Urls[..2], ["PGOPTIONS= -c a.b='ö\"\\\\;=' "] },
            {
                "variables that only Npgsql reads", Urls[..2],
                [
                    "PGCLIENTENCODING=LATIN1", "PGSSLMODE=verify-full", "PGSSLNEGOTIATION=postgres", "PGSSLROOTCERT=/does/not/exist", "PGSSLCERT=/does/not/exist",
                    "PGSSLKEY=/does/not/exist", "PGGSSENCMODE=require", "PGTARGETSESSIONATTRS=standby", "PGAPPNAME=other", "PGPASSFILE=/does/not/exist",
                    "PGTZ=Asia/Tokyo", "PGREQUIREAUTH=scram-sha-256",
                ]
            },
        };

    [Theory(Timeout = 600_000)]
    [MemberData(nameof(Cases))]
    public async Task Both_send_the_same_startup_packet(string name, string[] templates, string[] environment)
    {
        await using var listener = StartupListener.OnLoopback();
        await CompareAsync(name, listener, templates, environment, listener.Port);
    }

    [Fact(Timeout = 600_000)]
    public async Task Both_go_to_the_socket_in_the_folder_that_PGHOST_names()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            await using var listener = StartupListener.InDirectory(directory.FullName, 6543);
            await CompareAsync("socket", listener, UrlsWithoutHost, [$"PGHOST={directory.FullName}", "PGPORT=6543", "PGUSER=user", "PGPASSWORD=secret"], 6543);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Npgsql has a reader of its own, libpq another; what counts is node-postgres's.</summary>
    [Theory(Timeout = 600_000)]
    [InlineData("the first line that fits", "127.0.0.1:*:other:user:wrong\n127.0.0.1:*:*:user:from\\:file\\\\\n127.0.0.1:*:*:user:late\n")]
    [InlineData("any host", "*:*:*:*:any\n")]
    [InlineData("its port", "*:1:*:*:wrong\n*:{port}:*:*:right\r\n")]
    [InlineData("a comment after blanks", "  #*:*:*:*:no\n#*:*:*:*:no\n*:*:*:*:yes\n")]
    [InlineData("a short line", "*:*:*:*:1\n*:*:*:*:abc\n")]
    [InlineData("a password with colons", "*:*:*:*:a:b:c\n")]
    [InlineData("read-only", "*:*:*:*:any\n", "400")]
    public async Task Both_read_the_password_file_alike(string name, string text, string mode = "600") =>
        await WithPasswordFileAsync(text, mode, async (listener, place) => await CompareAsync(name, listener, ["postgres://user@{host}/logto"], [place], listener.Port));

    [Theory(Timeout = 600_000)]
    [InlineData("no line", "elsewhere:*:*:*:wrong\n*:*:*:*:\n::::wrong\n")]
    [InlineData("open to others", "*:*:*:*:any\n", "644")]
    [InlineData("open to the group", "*:*:*:*:any\n", "620")]
    [InlineData("a PGPASSWORD that is empty", "*:*:*:*:any\n", "600", "PGPASSWORD=")]
    public async Task Where_Logto_finds_no_password_in_the_file_neither_does_the_gate(string name, string text, string mode = "600", params string[] more) =>
        await WithPasswordFileAsync(text, mode, async (listener, place) =>
        {
            var url = $"postgres://user@127.0.0.1:{listener.Port}/logto";
            var variables = more.Prepend(place).Select(each => each.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
            await Slonik.ConnectAsync([url], variables, FakeWorld.Token);
            Assert.All(listener.Take(), greeting => Assert.Equal((name, ""), (name, greeting.Password)));

            await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
            var gate = cli.Variables(url, "nothing").Concat(variables.Select(each => KeyValuePair.Create(each.Key, (string?)each.Value))).ToDictionary();
            var result = await Gate.RunAsync(["check"], gate, cancellationToken: FakeWorld.Token);

            Expect.Ending(4, result);
            Assert.Contains("No password has been provided", FakeWorld.LastLine(result), StringComparison.Ordinal);
        });

    [Fact(Timeout = 300_000)]
    public async Task A_password_file_that_is_not_read_is_named_with_the_reason()
    {
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        var file = Path.GetTempFileName();
        await Tool.RunAsync("sh", ["-c", "rm \"$0\" && mkfifo -m 600 \"$0\"", file], cancellationToken: FakeWorld.Token);
        try
        {
            var variables = cli.Variables("postgres://user@127.0.0.1:1/logto", "nothing");
            (variables["PGPASSFILE"], variables["LOGTO_INIT_CONNECT_TIMEOUT_SECONDS"]) = (file, "0");

            Expect.LogContains($"does not read the password file {file}: it is not a plain file", await Gate.RunAsync(["check"], variables, cancellationToken: FakeWorld.Token));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task WithPasswordFileAsync(string text, string mode, Func<StartupListener, string, Task> test)
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            await using var listener = StartupListener.OnLoopback();
            var file = Path.Combine(directory.FullName, ".pgpass");
            await File.WriteAllTextAsync(file, text.Replace("{port}", $"{listener.Port}", StringComparison.Ordinal), FakeWorld.Token);
            File.SetUnixFileMode(file, (UnixFileMode)Convert.ToInt32(mode, 8));

            foreach (var place in new[] { $"PGPASSFILE={file}", $"HOME={directory.FullName}" })
            {
                await test(listener, place);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task CompareAsync(string name, StartupListener listener, string[] templates, string[] environment, int port)
    {
        var urls = templates.Select(Fill).ToArray();
        var variables = environment.Select(each => Fill(each).Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        var answers = await Slonik.ConnectAsync(urls, variables, FakeWorld.Token);

        // One after the other, each with a connection to prepare the pool and one of the pool.
        var expected = listener.Take();
        Assert.True(expected.Count == 2 * urls.Length, $"{name}: slonik came {expected.Count} times:\n{string.Join('\n', answers.Select(answer => answer.Error))}");

        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        foreach (var (url, greetings) in urls.Zip(expected.Chunk(2)))
        {
            var gate = cli.Variables(url, "nothing").Concat(variables.Select(each => KeyValuePair.Create(each.Key, (string?)each.Value))).ToDictionary();
            gate["LOGTO_INIT_CONNECT_TIMEOUT_SECONDS"] = "0";
            gate.TryAdd("HOME", null);

            var result = await Gate.RunAsync(["check"], gate, cancellationToken: FakeWorld.Token);

            var sent = listener.Take();
            Assert.True(sent.Count > 0, $"{name}, {url}: the gate did not come: {result}");
            Assert.All(greetings, greeting => Assert.Equal((url, Summary(greeting)), (url, Summary(sent[0]))));
            Assert.Equal("logto-migrate-init", sent[0]["application_name"]);
            Assert.Equal("UTF8", sent[0]["client_encoding"]);
            Assert.Empty(sent[0].Parameters.Keys.Except(["user", "database", "options", "application_name", "client_encoding"]));
        }

        string Fill(string text) =>
            text.Replace("{host}", $"127.0.0.1:{port}", StringComparison.Ordinal).Replace("{port}", $"{port}", StringComparison.Ordinal);
    }

    private static string Summary(Greeting greeting) =>
        $"user '{greeting["user"]}', password '{greeting.Password}', database '{greeting["database"]}', options '{greeting["options"]}'";
}
