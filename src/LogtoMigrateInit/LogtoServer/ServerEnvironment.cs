using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>The variables that a started Logto gets in addition to, or instead of, our own environment.</summary>
internal static class ServerEnvironment
{
    /// <summary>Far above what a start needs, in megabytes. Reason: the copy's Logto must not take the machine's memory.</summary>
    private const int HeapMegabytes = 512;

    /// <summary>
    /// Empty, not absent: core's dotenv would add them again from a `.env` file. They would let the copy's Logto write into the real cache
    /// or send telemetry, move its addresses, or stop it from listening.
    /// </summary>
    private static readonly string[] Empty =
    [
        "REDIS_URL", "ADMIN_DISABLE_LOCALHOST", "DISABLE_LOCALHOST", "HTTPS_CERT_PATH", "HTTPS_KEY_PATH", "PATH_BASED_MULTI_TENANCY",
        "IS_CLOUD", "INTEGRATION_TEST", "APPLICATIONINSIGHTS_CONNECTION_STRING", "POSTHOG_PUBLIC_KEY", "TRUST_PROXY_HEADER",
    ];

    /// <summary>The options of Node.js's debugger, which could listen on any address, or stop Logto until a debugger connects.</summary>
    private const string Debugger = "--inspect";

    /// <param name="target">The database.</param>
    /// <param name="applicationName">The name of Logto's sessions there.</param>
    /// <param name="ports">The port of the default tenant, and that of the admin tenant, which core tells by the URL.</param>
    /// <param name="guard">See <see cref="ServerGuard.Module"/>.</param>
    /// <param name="nodeOptions">The user's own <c>NODE_OPTIONS</c>.</param>
    public static IReadOnlyDictionary<string, string?> Build(
        ServerTarget target, string applicationName, IReadOnlyList<int> ports, string guard, string? nodeOptions)
    {
        var environment = Empty.ToDictionary(name => name, string? (_) => "", StringComparer.Ordinal);
        environment["DB_URL"] = target.Url.WithApplicationName(applicationName);
        environment["PGAPPNAME"] = applicationName; // slonik's first connection takes no name from the URL
        environment["PGOPTIONS"] = target.PgOptions;
        environment["DATABASE_POOL_SIZE"] = "2";
        environment["NODE_ENV"] = "production";
        environment["PORT"] = $"{ports[0]}";
        environment["ADMIN_PORT"] = $"{ports[1]}";
        environment["ENDPOINT"] = $"http://127.0.0.1:{ports[0]}";
        environment["ADMIN_ENDPOINT"] = $"http://127.0.0.1:{ports[1]}";
        environment["FORCE_COLOR"] = "0";
        environment["NO_COLOR"] = null; // Node.js warns when both are there
        var own = (nodeOptions ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(option => !option.TrimStart('"').StartsWith(Debugger, StringComparison.Ordinal));
        var hasLimit = own.Any(option => option.Replace('_', '-').Contains("--max-old-space-size", StringComparison.Ordinal));
        string[] limit = hasLimit ? [] : [$"--max-old-space-size={HeapMegabytes}"];
        environment["NODE_OPTIONS"] = string.Join(' ', [$"--import={guard}", .. own, .. limit]);
        return environment;
    }
}
