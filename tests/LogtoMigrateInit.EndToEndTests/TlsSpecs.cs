using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// For every kind of certificate, sslmode and trust, by name and by address: the gate connects when and only when Logto's own client
/// does, encrypted when and only when that is, and says so where Logto silently uses plaintext.
/// </summary>
public sealed class TlsSpecs(TlsSpecs.OneServer shared) : IClassFixture<TlsSpecs.OneServer>
{
    /// <summary>The gate reached the database and found it empty.</summary>
    private const int Connected = 9;

    private const int Refused = 4;

    /// <summary>Only two of the modes encrypt, so only for them it matters by which name the server is called.</summary>
    private static readonly (string? Mode, string Host)[] AllModes =
    [
        (null, "localhost"), ("disable", "localhost"), ("verify-full", "localhost"), ("prefer", "127.0.0.1"), ("Require", "localhost"), ("nonsense", "localhost"),
        ("require", "localhost"), ("require", "127.0.0.1"), ("no-verify", "localhost"), ("no-verify", "127.0.0.1"),
    ];

    private static readonly (string? Mode, string Host)[] CheckingModes = [("require", "localhost"), ("require", "127.0.0.1"), ("no-verify", "localhost")];

    private static readonly TestCertificate Root = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Private root", Authority = true });

    private static readonly TestCertificate OtherRoot = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Other root", Authority = true });

    private static readonly TestCertificate ExpiredRoot = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Expired root", Authority = true, LastDay = -1 });

    private static readonly TestCertificate Intermediate = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Intermediate", Authority = true }, Root);

    private static readonly CertificateTerms Good = new() { DnsNames = ["localhost"], Addresses = ["127.0.0.1"] };

    public static TheoryData<string> UsualCertificates => [.. UsualServers.Keys];

    public static TheoryData<string> OddCertificates => [.. OddServers.Keys];

    private static Dictionary<string, Server> UsualServers { get; } = new()
    {
        ["self-signed"] = Server.SelfSigned(Good),
        ["of a private authority"] = new(TestCertificate.Issue(Good, Root)),
        ["expired"] = new(TestCertificate.Issue(Good with { LastDay = -1 }, Root)),
        ["for another host"] = new(TestCertificate.Issue(new CertificateTerms { DnsNames = ["db.example.com"], Addresses = ["192.0.2.1"] }, Root)),
    };

    private static Dictionary<string, Server> OddServers { get; } = new()
    {
        ["self-signed, and trusted is another"] = Server.SelfSigned(Good) with { Authorities = OtherRoot.Pem },
        ["of a private authority, among others in the file"] = new(TestCertificate.Issue(Good, Root)) { Authorities = $"# ours\n{OtherRoot.Pem}\n\n{Root.Pem}# end\n" },
        ["with the address as its subject only"] = new(TestCertificate.Issue(new CertificateTerms { Subject = "CN=127.0.0.1" }, Root)),
        ["of another authority"] = new(TestCertificate.Issue(Good, OtherRoot)),
        ["of an expired authority"] = new(TestCertificate.Issue(Good, ExpiredRoot)) { Authorities = ExpiredRoot.Pem },
        ["not valid yet"] = new(TestCertificate.Issue(Good with { FirstDay = 1 }, Root)),
        ["self-signed and expired"] = Server.SelfSigned(Good with { LastDay = -1 }),
        ["self-signed for another host"] = Server.SelfSigned(new CertificateTerms { DnsNames = ["db.example.com"] }),
        ["for the name alone"] = new(TestCertificate.Issue(new CertificateTerms { DnsNames = ["localhost"] }, Root)),
        ["for the address alone"] = new(TestCertificate.Issue(new CertificateTerms { Addresses = ["127.0.0.1"] }, Root)),
        ["for the address written as a name"] = new(TestCertificate.Issue(new CertificateTerms { DnsNames = ["127.0.0.1"] }, Root)),
        ["with the name as its subject only"] = new(TestCertificate.Issue(new CertificateTerms { Subject = "CN=localhost" }, Root)),
        ["with the name as its subject and other names"] = new(TestCertificate.Issue(new CertificateTerms { Subject = "CN=localhost", DnsNames = ["db.example.com"] }, Root)),
        ["with the name as its subject and another address"] = new(TestCertificate.Issue(new CertificateTerms { Subject = "CN=localhost", Addresses = ["192.0.2.1"] }, Root)),
        ["in capitals"] = new(TestCertificate.Issue(new CertificateTerms { DnsNames = ["LOCALHOST"] }, Root)),
        ["for everything"] = new(TestCertificate.Issue(new CertificateTerms { DnsNames = ["*"] }, Root)),
        ["of an intermediate authority that is sent"] = new(TestCertificate.Issue(Good, Intermediate)) { SentWith = [Intermediate] },
        ["of an intermediate authority that is not sent"] = new(TestCertificate.Issue(Good, Intermediate)),
        ["of an intermediate authority that is in the file with the root"] = new(TestCertificate.Issue(Good, Intermediate)) { Authorities = Intermediate.Pem + Root.Pem },
        ["of an intermediate authority that is in the file alone"] = new(TestCertificate.Issue(Good, Intermediate)) { Authorities = Intermediate.Pem },
        ["in the file itself, without its authority"] = Server.InTheFile(TestCertificate.Issue(Good, Root)),
        ["signed by what is no authority"] = Server.OfNoAuthority(),
        ["for clients"] = new(TestCertificate.Issue(Good with { Purpose = "1.3.6.1.5.5.7.3.2" }, Root)),
        ["for no stated purpose"] = new(TestCertificate.Issue(Good with { Purpose = null }, Root)),
        ["of a private authority, and the file is missing"] = new(TestCertificate.Issue(Good, Root)) { Authorities = null },
        ["of a private authority, and the file is no PEM"] = new(TestCertificate.Issue(Good, Root)) { Authorities = "nonsense\n" },
        ["of a private authority, and the file breaks off"] = new(TestCertificate.Issue(Good, Root)) { Authorities = $"{OtherRoot.Pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{Root.Pem}" },
    };

    [Theory(Timeout = 900_000)]
    [MemberData(nameof(UsualCertificates))]
    public async Task The_gate_connects_exactly_when_Logto_does_to_a_server_whose_certificate_is(string name)
    {
        using var files = await UsualServers[name].WriteAsync();
        await shared.Server.RestartAsync(Logging(files.Settings), FakeWorld.Token);

        await CompareAsync(shared.Server, files.AuthorityFile);
    }

    [Theory(Timeout = 300_000)]
    [MemberData(nameof(OddCertificates))]
    public async Task The_gate_trusts_exactly_what_Logto_trusts_when_the_certificate_is(string name)
    {
        using var files = await OddServers[name].WriteAsync();
        await shared.Server.RestartAsync(Logging(files.Settings), FakeWorld.Token);
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);

        await CompareAsync(shared.Server, cli, CheckingModes, [new() { ["NODE_EXTRA_CA_CERTS"] = files.AuthorityFile }]);
    }

    [Fact(Timeout = 900_000)]
    public async Task The_gate_connects_exactly_when_Logto_does_to_a_server_without_TLS()
    {
        await shared.Server.RestartAsync(Logging(new Dictionary<string, string>()), FakeWorld.Token);

        await CompareAsync(shared.Server, "/does/not/exist");
    }

    [Fact(Timeout = 900_000)]
    public async Task The_gate_connects_exactly_when_Logto_does_to_a_server_that_demands_TLS()
    {
        using var files = await ServerCertificateFiles.WriteAsync(TestCertificate.Issue(Good, Root), [], Root.Pem, FakeWorld.Token);
        await using var server = await PostgresServer.StartAsync(17, files.Settings, FakeWorld.Token);
        await File.WriteAllTextAsync(Path.Combine(server.DataDirectory, "pg_hba.conf"), "hostssl all all all scram-sha-256\n", FakeWorld.Token);
        await server.RestartAsync(Logging(files.Settings), FakeWorld.Token);

        await CompareAsync(server, files.AuthorityFile);
    }

    [Fact(Timeout = 300_000)]
    public async Task Nothing_is_fetched_from_where_a_certificate_says_that_its_issuer_lies()
    {
        await using var issuer = new ConnectionCounter();
        var terms = Good with { IssuerUrl = $"http://{issuer.Address}/intermediate.crt" };
        using var files = await new Server(TestCertificate.Issue(terms, Intermediate)).WriteAsync();
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);

        // The test's own client is .NET's, and it does fetch: the address is one that would be asked.
        await shared.Server.RestartAsync(Logging(files.Settings), FakeWorld.Token);
        var fetchedByTheTest = issuer.Count;
        await CompareAsync(shared.Server, cli, CheckingModes, [new() { ["NODE_EXTRA_CA_CERTS"] = files.AuthorityFile }]);

        Assert.True(fetchedByTheTest > 0);
        Assert.Equal(fetchedByTheTest, issuer.Count);
    }

    private static Dictionary<string, string> Logging(IReadOnlyDictionary<string, string> settings) =>
        new(settings) { ["log_connections"] = "on" };

    private static async Task CompareAsync(PostgresServer server, string authorityFile)
    {
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        await CompareAsync(
            server, cli, AllModes,
            [
                [],
                new() { ["NODE_EXTRA_CA_CERTS"] = authorityFile },
                new() { ["NODE_TLS_REJECT_UNAUTHORIZED"] = "0" },
                new() { ["NODE_TLS_REJECT_UNAUTHORIZED"] = "false", ["NODE_EXTRA_CA_CERTS"] = authorityFile },
            ]);
    }

    private static async Task CompareAsync(PostgresServer server, FakeCli cli, (string? Mode, string Host)[] modes, Dictionary<string, string>[] environments)
    {
        var differences = new List<string>();
        var encrypted = new List<bool>();
        foreach (var variables in environments)
        {
            var urls = modes.Select(each => (each.Mode, Url: Url(server, each.Host, each.Mode))).ToArray();
            var answers = await Slonik.ConnectAsync([.. urls.Select(each => each.Url)], variables, FakeWorld.Token);
            foreach (var ((mode, url), answer) in urls.Zip(answers))
            {
                var environment = cli.Variables(url, "nothing").Concat(variables.Select(each => KeyValuePair.Create(each.Key, (string?)each.Value))).ToDictionary();
                environment["LOGTO_INIT_CONNECT_TIMEOUT_SECONDS"] = "0";
                var result = await Gate.RunAsync(["check"], environment, cancellationToken: FakeWorld.Token);

                if (result.ExitCode != (answer.Error is null ? Connected : Refused))
                {
                    differences.Add($"{url} with {string.Join(' ', variables)}: Logto {answer}, the gate {result}");
                }
                else if (answer.Value is { } value)
                {
                    encrypted.Add(value.GetBoolean());
                }

                var warns = result.StandardError.Contains($"sslmode={mode}, which Logto does not know", StringComparison.Ordinal);
                Assert.Equal((url, mode is not (null or "disable" or "require" or "no-verify")), (url, warns));
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n\n", differences));
        Assert.Equal(encrypted, await GatesSessionsAsync(server));
    }

    /// <summary>Whether each session of the gate was encrypted, as the server has seen it.</summary>
    private static async Task<IEnumerable<bool>> GatesSessionsAsync(PostgresServer server) =>
        (await File.ReadAllLinesAsync(server.LogFile, FakeWorld.Token))
            .Where(line => line.Contains("connection authorized", StringComparison.Ordinal) && line.Contains("application_name=logto-migrate-init", StringComparison.Ordinal))
            .Select(line => line.Contains("SSL enabled", StringComparison.Ordinal));

    private static string Url(PostgresServer server, string host, string? mode) =>
        server.Url("postgres").Replace("@127.0.0.1:", $"@{host}:", StringComparison.Ordinal) + (mode is null ? "" : $"?sslmode={mode}");

    /// <summary>Restarted with another certificate for each test, which is quicker than a new one.</summary>
    public sealed class OneServer : IAsyncLifetime
    {
        public PostgresServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync(17);

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    /// <summary>What a server sends, and what the client's file of authorities holds (null: there is no such file).</summary>
    private sealed record Server(TestCertificate Certificate)
    {
        public IReadOnlyList<TestCertificate> SentWith { get; init; } = [];

        public string? Authorities { get; init; } = Root.Pem;

        public static Server SelfSigned(CertificateTerms terms) => InTheFile(TestCertificate.Issue(terms));

        public static Server InTheFile(TestCertificate certificate) => new(certificate) { Authorities = certificate.Pem };

        public static Server OfNoAuthority()
        {
            var impostor = TestCertificate.Issue(new CertificateTerms { Subject = "CN=No authority" }, Root);
            return new(TestCertificate.Issue(Good, impostor)) { SentWith = [impostor] };
        }

        public Task<ServerCertificateFiles> WriteAsync() => ServerCertificateFiles.WriteAsync(Certificate, SentWith, Authorities, FakeWorld.Token);
    }
}
