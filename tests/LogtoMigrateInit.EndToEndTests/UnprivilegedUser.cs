using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>Runs the gate as a user who is held to what a file's mode says, which root is not.</summary>
internal static class UnprivilegedUser
{
    // Root without its capabilities still reaches its own files, wherever the checkout is.
    private static readonly string[] Prefix = Environment.IsPrivilegedProcess ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"] : ["env"];

    public static Task<ToolResult> RunGateAsync(FakeWorld world, CancellationToken cancellationToken) => RunGateAsync(world.Variables(), cancellationToken);

    public static Task<ToolResult> RunGateAsync(IReadOnlyDictionary<string, string?> environment, CancellationToken cancellationToken) =>
        RunGateAsync([], environment, cancellationToken);

    public static Task<ToolResult> RunGateAsync(
        string[] arguments, IReadOnlyDictionary<string, string?> environment, CancellationToken cancellationToken)
    {
        var variables = environment.Where(each => each.Value is not null).ToDictionary(each => each.Key, each => each.Value!);
        variables["LOGTO_INIT_NODE"] = Repository.Node;
        return Tool.TryRunAsync(Prefix[0], [.. Prefix.Skip(1), Repository.Binary, .. arguments], variables, cancellationToken);
    }
}
