using System.Net;
using System.Net.Sockets;
using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>
/// Names of hosts, looked up by the C library that is linked into the gate: in /etc/hosts, then by DNS, whatever nsswitch.conf says. Each
/// gate has these files to itself, which takes root.
/// </summary>
public sealed class NameSpecs(SharedServers servers)
{
    private const int Unreachable = 3;

    private static readonly Dictionary<string, IPAddress[]> Names = new() { ["db.corp.example"] = [IPAddress.Loopback], ["six.corp.example"] = [IPAddress.IPv6Loopback] };

    private const string NoHosts = "127.0.0.1 localhost\n";

    private const string Usual = "hosts: files dns\n";

    [Fact(Timeout = 300_000)]
    public async Task A_name_is_asked_for_over_UDP()
    {
        await using var dns = StartServer(1);

        Assert.Equal(0, (await CheckAsync("db.corp.example", Nameserver(dns), NoHosts, Usual)).ExitCode);
        Assert.Contains("udp db.corp.example A", dns.Asked);
        Assert.DoesNotContain(dns.Asked, question => question.StartsWith("tcp", StringComparison.Ordinal));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_long_answer_is_fetched_over_TCP()
    {
        await using var dns = StartServer(2, truncates: true);

        Assert.Equal(0, (await CheckAsync("db.corp.example", Nameserver(dns), NoHosts, Usual)).ExitCode);
        Assert.Contains("tcp db.corp.example A", dns.Asked);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_short_name_is_completed_with_the_search_domains()
    {
        await using var dns = StartServer(3);

        Assert.Equal(0, (await CheckAsync("db", $"search elsewhere.example corp.example\n{Nameserver(dns)}", NoHosts, Usual)).ExitCode);
        Assert.Contains("udp db.elsewhere.example A", dns.Asked);
    }

    [Fact(Timeout = 300_000)]
    public async Task The_hosts_file_comes_before_DNS()
    {
        await using var dns = StartServer(4);

        Assert.Equal(0, (await CheckAsync("db.local.example", Nameserver(dns), $"{NoHosts}127.0.0.1 db.local.example\n", Usual)).ExitCode);
        Assert.Empty(dns.Asked);
    }

    [Theory(Timeout = 300_000)]
    [InlineData("hosts: mymachines resolve [!UNAVAIL=return] myhostname\npasswd: systemd\ngroup: systemd\n")]
    [InlineData("hosts: files mdns4_minimal [NOTFOUND=return] dns\n")]
    [InlineData("")]
    public async Task What_nsswitch_conf_names_is_neither_loaded_nor_missed(string configuration)
    {
        await using var dns = StartServer(5);

        Assert.Equal(0, (await CheckAsync("db.corp.example", Nameserver(dns), NoHosts, configuration)).ExitCode);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_name_with_an_IPv6_address_alone_is_connected_to()
    {
        await using var dns = StartServer(6);
        using var listener = new TcpListener(IPAddress.IPv6Loopback, 0);
        listener.Start();
        var accepted = listener.AcceptTcpClientAsync(FakeWorld.Token).AsTask();

        var result = CheckAsync("six.corp.example", Nameserver(dns), NoHosts, Usual, ((IPEndPoint)listener.LocalEndpoint).Port);

        (await accepted).Close();
        listener.Stop();
        Assert.Equal(Unreachable, (await result).ExitCode);
        Assert.Contains("udp six.corp.example AAAA", dns.Asked);
    }

    [Fact(Timeout = 300_000)]
    public async Task A_name_that_nobody_knows_is_waited_for_and_named()
    {
        await using var dns = StartServer(7);

        var result = await CheckAsync("nobody.corp.example", Nameserver(dns), NoHosts, Usual);

        Assert.Equal(Unreachable, result.ExitCode);
        Assert.Contains("nobody.corp.example", result.StandardError, StringComparison.Ordinal);
    }

    private static string Nameserver(NameServer dns) => $"nameserver {dns.Address}\noptions timeout:2\n";

    private static NameServer StartServer(byte lastByte, bool truncates = false)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "port 53 and files in /etc need root");
        return NameServer.Start(lastByte, Names, truncates);
    }

    private async Task<ToolResult> CheckAsync(string host, string resolver, string hosts, string switches, int? port = null)
    {
        await using var world = await FakeWorld.CreateAsync(servers, FakeWorld.After);
        var directory = Directory.CreateTempSubdirectory("logto-names-");
        try
        {
            var files = new List<string>();
            foreach (var (name, text) in new[] { ("resolv.conf", resolver), ("hosts", hosts), ("nsswitch.conf", switches) })
            {
                files.Add(Path.Combine(directory.FullName, name));
                await File.WriteAllTextAsync(files[^1], text, FakeWorld.Token);
            }

            var url = new UriBuilder(world.Server.Url(world.Database)) { Host = host };
            url.Port = port ?? url.Port;
            var variables = world.Variables("nothing", ("DB_URL", url.Uri.ToString()), ("LOGTO_INIT_CONNECT_TIMEOUT_SECONDS", "1"));
            const string Script = """
                set -e
                mount --bind "$1" /etc/resolv.conf
                mount --bind "$2" /etc/hosts
                mount --bind "$3" /etc/nsswitch.conf
                exec "$4" check
                """;
            return await Tool.TryRunAsync(
                "unshare", ["--mount", "sh", "-c", Script, "sh", .. files, Repository.Binary],
                variables.Where(each => each.Value is not null).ToDictionary(each => each.Key, each => each.Value!), FakeWorld.Token);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
