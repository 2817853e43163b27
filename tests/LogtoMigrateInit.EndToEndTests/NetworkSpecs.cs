using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Networks between the program, Logto's CLI and the server, made by the kernel in a namespace of their own.</summary>
public sealed class NetworkSpecs(SharedServers servers)
{
    // The server itself is outside; a relay brings the namespace's connections to its socket.
    private const string Script = """
        set -eu
        mount --bind "$1" /etc/hosts
        ip link set lo up
        eval "$2"
        "$LOGTO_INIT_NODE" -e 'require("net").createServer((near) => {
          const far = require("net").connect(process.argv[1]);
          near.on("error", () => far.destroy()).pipe(far).on("error", () => near.destroy()).pipe(near);
        }).listen(5432, "0.0.0.0", () => console.log("listens"))' "$3" >"$1.relay" &
        relay=$!
        while [ ! -s "$1.relay" ]; do sleep 0.1; done
        code=0
        "$4" migrate || code=$?
        kill $relay
        iptables --list INPUT --numeric --verbose --exact
        exit $code
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The kernel's table of connections stands in for a load balancer's: what has been silent for 20 s is dropped without a word.</summary>
    [Fact(Timeout = 1_200_000)]
    public async Task A_long_index_build_survives_a_load_balancer_that_forgets_silent_connections()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17);
        await world.AddAlterationAsync(
            1, "build", "",
            beforeUp: """
                await run(pool, `create function slow(t text) returns text immutable language plpgsql as 'begin perform pg_sleep(15); return t; end'`);
                await run(pool, `create index concurrently test_index on tenants (slow(id))`);
                """);

        var result = await MigrateAsync(
            world, "balancer",
            """
            iptables --append INPUT --match conntrack --ctstate INVALID --jump DROP
            echo 20 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
            echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
            """);

        Assert.True(result.ExitCode == 0, $"{result}");
        Assert.True(await world.Server.QuerySingleAsync<bool>(
            world.Database, "select indisvalid from pg_index where indexrelid = 'test_index'::regclass", Token));
    }

    /// <summary>The first SYN to each address is lost, so that a connection takes a second; Node.js gives each address but the last 250 ms.</summary>
    [Fact(Timeout = 600_000)]
    public async Task On_a_slow_link_to_a_host_with_two_addresses_the_program_and_the_CLI_connect()
    {
        await using var world = await LogtoWorld.CreateAsync(servers, 17, new LogtoRelease("1.42.0"));

        var result = await MigrateAsync(
            world, "slow",
            """
            for address in 127.0.0.2 127.0.0.3; do
              iptables --append INPUT --protocol tcp --destination $address --dport 5432 --syn --match statistic --mode nth --every 2 --packet 0 --jump DROP
            done
            """);

        Assert.True(result.ExitCode == 0, $"{result}");
        Assert.Equal(2, result.StandardOutput.Split('\n').Count(line => line.Contains("DROP", StringComparison.Ordinal) && line.TrimStart()[0] is not '0'));
    }

    private static async Task<ToolResult> MigrateAsync(LogtoWorld world, string host, string rules)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists("/usr/sbin/iptables"), "a network of its own needs root and iptables");
        var hosts = Path.Combine(Directory.CreateTempSubdirectory("network-").FullName, "hosts");
        await File.WriteAllTextAsync(hosts, "127.0.0.1 localhost balancer\n127.0.0.2 slow\n127.0.0.3 slow\n", Token);
        var socket = Path.Combine(Path.GetDirectoryName(world.Server.DataDirectory)!, $".s.PGSQL.{world.Server.Port}");
        var url = new UriBuilder(world.Url) { Host = host, Port = 5432 };
        var variables = world.Variables(("DB_URL", url.Uri.ToString()), ("LOGTO_INIT_NODE", Repository.Node), ("LOGTO_INIT_TERMINATION_LOG", "/nonexistent/log"));
        return await Tool.TryRunAsync(
            "unshare", ["--net", "--mount", "sh", "-c", Script, "sh", hosts, rules, socket, Repository.Binary],
            variables.Where(each => each.Value is not null).ToDictionary(each => each.Key, each => each.Value!), Token);
    }
}
