using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>Builds the variables of a started Logto that differ from this program's environment.</summary>
internal static class ServerEnvironment
{
    /// <summary>
    /// The limit of Node.js's heap, far above the need of a start. Reason: the copy's Logto must not use up the machine's memory.
    /// </summary>
    private const int HeapMegabytes = 512;

    /// <summary>
    /// Variables that are set to an empty text. They would let the copy's Logto write to the real cache, send telemetry, change its
    /// addresses, or not listen. They are not removed, because core's dotenv would add them again from a `.env` file.
    /// </summary>
    private static readonly string[] Empty =
    [
        "REDIS_URL", "ADMIN_DISABLE_LOCALHOST", "DISABLE_LOCALHOST", "HTTPS_CERT_PATH", "HTTPS_KEY_PATH", "PATH_BASED_MULTI_TENANCY",
        "IS_CLOUD", "INTEGRATION_TEST", "APPLICATIONINSIGHTS_CONNECTION_STRING", "POSTHOG_PUBLIC_KEY", "TRUST_PROXY_HEADER",
    ];

    /// <summary>
    /// The prefix of Node.js's debugger options. A debugger could listen on any address, or stop Logto until a client connects.
    /// </summary>
    private const string Debugger = "--inspect";

    /// <summary>Returns the variables; null removes one.</summary>
    /// <param name="applicationName">The <c>application_name</c> of Logto's sessions.</param>
    /// <param name="ports">The port of the default tenant and the port of the admin tenant. Core recognizes the tenant by the URL.</param>
    /// <param name="guard">The module of <see cref="ServerGuard.Module"/>.</param>
    /// <param name="nodeOptions">The operator's own <c>NODE_OPTIONS</c>.</param>
    public static IReadOnlyDictionary<string, string?> Build(
        ServerTarget target, string applicationName, IReadOnlyList<int> ports, string guard, string? nodeOptions)
    {
        var environment = Empty.ToDictionary(name => name, string? (_) => "", StringComparer.Ordinal);
        environment["DB_URL"] = target.Url.WithApplicationName(applicationName);
        environment["PGAPPNAME"] = applicationName; // slonik's first connection ignores the name in the URL
        environment["PGOPTIONS"] = target.PgOptions;
        environment["DATABASE_POOL_SIZE"] = "2";
        environment["NODE_ENV"] = "production";
        environment["PORT"] = $"{ports[0]}";
        environment["ADMIN_PORT"] = $"{ports[1]}";
        environment["ENDPOINT"] = $"http://127.0.0.1:{ports[0]}";
        environment["ADMIN_ENDPOINT"] = $"http://127.0.0.1:{ports[1]}";
        environment["FORCE_COLOR"] = "0";
        environment["NO_COLOR"] = null; // Node.js warns when both are set
        var own = (nodeOptions ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(option => !option.TrimStart('"').StartsWith(Debugger, StringComparison.Ordinal));
        var hasLimit = own.Any(option => option.Replace('_', '-').Contains("--max-old-space-size", StringComparison.Ordinal));
        string[] limit = hasLimit ? [] : [$"--max-old-space-size={HeapMegabytes}"];
        environment["NODE_OPTIONS"] = string.Join(' ', [$"--import={guard}", .. own, .. limit]);
        return environment;
    }
}
