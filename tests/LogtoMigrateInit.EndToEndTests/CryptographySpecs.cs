using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>An image without OpenSSL: the .NET runtime would abort with 134.</summary>
public sealed class CryptographySpecs
{
    [Fact(Timeout = 60_000)]
    public async Task Missing_OpenSSL_libraries_are_exit_code_11()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "chroot needs root");
        var root = Directory.CreateTempSubdirectory();
        try
        {
            var libraries = (await Tool.RunAsync("ldd", [Repository.Binary], cancellationToken: FakeWorld.Token)).StandardOutput
                .Split([' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries).Where(word => word.StartsWith('/'));
            foreach (var file in libraries.Append("/etc/passwd"))
            {
                Directory.CreateDirectory(root.FullName + Path.GetDirectoryName(file));
                File.Copy(file, root.FullName + file);
            }

            // Every container has it, and .NET does not log without it.
            Directory.CreateDirectory(Path.Combine(root.FullName, "dev"));
            await Tool.RunAsync("mknod", ["--mode=444", Path.Combine(root.FullName, "dev", "urandom"), "c", "1", "9"], cancellationToken: FakeWorld.Token);
            File.Copy(Repository.Binary, Path.Combine(root.FullName, "gate"));

            var result = await Tool.TryRunAsync(
                "chroot", [root.FullName, "/gate"], new Dictionary<string, string> { ["DB_URL"] = "postgresql://u:p@127.0.0.1:1/logto" }, FakeWorld.Token);

            Assert.True(result.ExitCode == 11, $"{result}");
            Assert.Contains("OpenSSL", result.StandardError, StringComparison.Ordinal);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
