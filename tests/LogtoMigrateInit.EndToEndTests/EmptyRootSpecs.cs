using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The one executable brings all that it needs: it runs in a root folder without a library, a shell or a configuration file.</summary>
public sealed class EmptyRootSpecs(SystemRootsSpecs.OneServer shared) : IClassFixture<SystemRootsSpecs.OneServer>
{
    [Theory(Timeout = 300_000)]
    [InlineData("disable")]
    [InlineData("no-verify")]
    [InlineData("require")]
    public async Task It_checks_a_password_and_a_certificate_where_no_library_is(string mode)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "chroot needs root");
        var database = await FakeCli.CreateDatabaseAsync(shared.Server, FakeWorld.After, FakeWorld.Token);
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        var root = Directory.CreateTempSubdirectory("logto-root-");
        try
        {
            var logto = root.FullName + cli.Directory;
            Directory.CreateDirectory(Path.GetDirectoryName(logto)!);
            await Tool.RunAsync("cp", ["-R", cli.Directory, logto], cancellationToken: FakeWorld.Token);
            File.Copy(Repository.Binary, Path.Combine(root.FullName, "gate"));
            await File.WriteAllTextAsync(Path.Combine(root.FullName, "roots.pem"), SystemRootsSpecs.RootPem, FakeWorld.Token);

            // Every container has it, and .NET does not log without it.
            Directory.CreateDirectory(Path.Combine(root.FullName, "dev"));
            await Tool.RunAsync("mknod", ["--mode=444", Path.Combine(root.FullName, "dev", "urandom"), "c", "1", "9"], cancellationToken: FakeWorld.Token);

            var result = await Tool.TryRunAsync(
                "chroot", [root.FullName, "/gate", "check"],
                new Dictionary<string, string>
                {
                    ["DB_URL"] = $"{shared.Server.Url(database)}?sslmode={mode}",
                    ["LOGTO_INIT_LOGTO_DIR"] = cli.Directory,
                    ["NODE_EXTRA_CA_CERTS"] = "/roots.pem",
                },
                FakeWorld.Token);

            Assert.True(result.ExitCode == 0, $"{result}");
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Theory(Timeout = 300_000)]
    [InlineData(2, "install /locked")]
    [InlineData(11, "run -- /gate --version")]
    public async Task A_user_without_a_name_is_said_by_its_number(int exitCode, string words)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "chroot needs root");
        await using var cli = await FakeCli.CreateAsync(FakeWorld.Alterations, cancellationToken: FakeWorld.Token);
        var root = Directory.CreateTempSubdirectory("logto-root-");
        try
        {
            var logto = root.FullName + cli.Directory;
            Directory.CreateDirectory(Path.GetDirectoryName(logto)!);
            await Tool.RunAsync("cp", ["-R", cli.Directory, logto], cancellationToken: FakeWorld.Token);
            File.Copy(Repository.Binary, Path.Combine(root.FullName, "gate"));
            Directory.CreateDirectory(Path.Combine(root.FullName, "locked"));
            Directory.CreateDirectory(Path.Combine(root.FullName, "dev"));
            await Tool.RunAsync("mknod", ["--mode=444", Path.Combine(root.FullName, "dev", "urandom"), "c", "1", "9"], cancellationToken: FakeWorld.Token);
            await Tool.RunAsync("chmod", ["-R", "go=u-w", root.FullName], cancellationToken: FakeWorld.Token);

            var result = await Tool.TryRunAsync(
                "chroot", ["--userspec=65532:0", root.FullName, "/gate", .. words.Split(' ')],
                new Dictionary<string, string> { ["DB_URL"] = shared.Server.Url("postgres"), ["LOGTO_INIT_LOGTO_DIR"] = cli.Directory },
                FakeWorld.Token);

            Assert.True(result.ExitCode == exitCode, $"{result}");
            Assert.Contains("user 65532:0 may", $"{result}", StringComparison.Ordinal);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Fact(Timeout = 300_000)]
    public async Task It_asks_for_no_library()
    {
        var headers = (await Tool.RunAsync("readelf", ["--program-headers", "--dynamic", Repository.Binary], cancellationToken: FakeWorld.Token)).StandardOutput;

        Assert.DoesNotContain("INTERP", headers, StringComparison.Ordinal);
        Assert.DoesNotContain("NEEDED", headers, StringComparison.Ordinal);
        Assert.Contains("DYN (Position-Independent Executable file)", headers, StringComparison.Ordinal);
    }
}
