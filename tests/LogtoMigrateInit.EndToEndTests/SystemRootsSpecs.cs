using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Without NODE_EXTRA_CA_CERTS the system decides whom to trust, in the places that OpenSSL's variables name.</summary>
public sealed class SystemRootsSpecs(SystemRootsSpecs.OneServer shared) : IClassFixture<SystemRootsSpecs.OneServer>
{
    /// <summary>The gate reached the database and found it empty.</summary>
    private const int Connected = 9;

    private const int Refused = 4;

    private static readonly TestCertificate Root = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Private root", Authority = true });

    public static string RootPem => Root.Pem;

    private static readonly TestCertificate Other = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Other root", Authority = true });

    private static readonly TestCertificate Namesake = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Private root", Authority = true });

    private static readonly TestCertificate Intermediate = TestCertificate.Issue(new CertificateTerms { Subject = "CN=Intermediate", Authority = true }, Root);

    [Fact(Timeout = 300_000)]
    public async Task A_root_is_found_in_a_file_among_others() =>
        Assert.Equal(Connected, await ConnectAsync(("roots.pem", Other.Pem + Namesake.Pem + Root.Pem)));

    [Fact(Timeout = 300_000)]
    public async Task A_root_is_found_in_a_folder_of_single_files() =>
        Assert.Equal(Connected, await ConnectAsync(("roots.pem", Other.Pem), ("roots/other.pem", Other.Pem), ("roots/root.pem", Root.Pem), ("roots/README", "nothing")));

    [Fact(Timeout = 300_000)]
    public async Task A_root_of_the_same_name_with_another_key_is_not_trusted() =>
        Assert.Equal(Refused, await ConnectAsync(("roots.pem", Namesake.Pem), ("roots/other.pem", Other.Pem)));

    [Fact(Timeout = 300_000)]
    public async Task Damaged_roots_trust_nobody_and_keep_nobody_from_being_trusted()
    {
        const string Damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nnonsense";

        Assert.Equal(Refused, await ConnectAsync(("roots.pem", Damaged)));
        Assert.Equal(Connected, await ConnectAsync(("roots.pem", Damaged), ("roots/root.pem", Root.Pem)));
    }

    [Fact(Timeout = 300_000)]
    public async Task Where_there_are_no_roots_nobody_is_trusted() => Assert.Equal(Refused, await ConnectAsync());

    [Fact(Timeout = 300_000)]
    public async Task A_command_that_runs_after_the_gate_gets_the_roots_that_the_gate_was_given()
    {
        var database = await FakeCli.CreateDatabaseAsync(shared.Server, FakeWorld.After, FakeWorld.Token);
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        var variables = cli.Variables($"{shared.Server.Url(database)}?sslmode=no-verify", "nothing");
        variables["SSL_CERT_FILE"] = "/given/roots.pem";

        var result = await Gate.RunAsync(["run", "--", "sh", "-c", "echo \"$SSL_CERT_FILE ${SSL_CERT_DIR-unset}\""], variables, cancellationToken: FakeWorld.Token);

        Assert.Equal("/given/roots.pem unset\n", result.StandardOutput);
    }

    private async Task<int> ConnectAsync(params (string Name, string Text)[] files)
    {
        var directory = Directory.CreateTempSubdirectory("logto-roots-");
        try
        {
            directory.CreateSubdirectory("roots");
            foreach (var (name, text) in files)
            {
                await File.WriteAllTextAsync(Path.Combine(directory.FullName, name), text, FakeWorld.Token);
            }

            await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
            var variables = cli.Variables($"{shared.Server.Url("postgres")}?sslmode=require", "nothing");
            variables["SSL_CERT_FILE"] = Path.Combine(directory.FullName, "roots.pem");
            variables["SSL_CERT_DIR"] = Path.Combine(directory.FullName, "roots");
            return (await Gate.RunAsync(["check"], variables, cancellationToken: FakeWorld.Token)).ExitCode;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Its certificate comes from an intermediate authority, which it sends along.</summary>
    public sealed class OneServer : IAsyncLifetime
    {
        private ServerCertificateFiles? _files;

        public PostgresServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            var certificate = TestCertificate.Issue(new CertificateTerms { DnsNames = ["localhost"], Addresses = ["127.0.0.1"] }, Intermediate);
            _files = await ServerCertificateFiles.WriteAsync(certificate, [Intermediate], null, CancellationToken.None);
            Server = await PostgresServer.StartAsync(17, _files.Settings);
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            _files?.Dispose();
        }
    }
}
