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

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Cases))]
    public async Task Both_send_the_same_startup_packet(string name, string[] templates, string[] environment)
    {
        await using var listener = StartupListener.OnLoopback();
        await CompareAsync(name, listener, templates, environment, listener.Port);
    }

    [Fact(Timeout = 120_000)]
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

    [Fact(Timeout = 120_000)]
    public async Task Both_take_a_missing_password_from_the_password_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "127.0.0.1:*:other:user:wrong\n127.0.0.1:*:*:user:from\\:file\n", FakeWorld.Token);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await using var listener = StartupListener.OnLoopback();
            await CompareAsync("password file", listener, ["postgres://user@{host}/logto"], [$"PGPASSFILE={file}"], listener.Port);
        }
        finally
        {
            File.Delete(file);
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
            gate["HOME"] = null;

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
