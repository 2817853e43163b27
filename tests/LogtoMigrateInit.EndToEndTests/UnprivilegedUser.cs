using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Runs the gate as a user that owns nothing: to root, every file is writable.</summary>
internal static class UnprivilegedUser
{
    private const string Nobody = "65534";

    public static Task<ToolResult> RunGateAsync(FakeWorld world, IReadOnlyDictionary<string, string?> variables, CancellationToken cancellationToken)
    {
        // What the fixture made for this user alone must be readable for the other.
        for (var folder = world.Cli.Directory; folder != "/"; folder = Path.GetDirectoryName(folder)!)
        {
            var mode = File.GetUnixFileMode(folder);
            if (!mode.HasFlag(UnixFileMode.OtherExecute))
            {
                File.SetUnixFileMode(folder, mode | UnixFileMode.OtherExecute | UnixFileMode.OtherRead);
            }
        }

        var environment = variables.Where(each => each.Value is not null).ToDictionary(each => each.Key, each => each.Value!);
        environment["LOGTO_INIT_NODE"] = Repository.Node;
        return Environment.UserName == "root"
            ? Tool.TryRunAsync("setpriv", [$"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Repository.Binary], environment, cancellationToken)
            : Tool.TryRunAsync(Repository.Binary, [], environment, cancellationToken);
    }
}
