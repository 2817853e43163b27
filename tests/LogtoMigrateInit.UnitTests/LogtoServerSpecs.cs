using System.Text;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What counts as an answer of a working Logto, what is kept of its output, and what it is started with.</summary>
public sealed class LogtoServerSpecs
{
    private const string Keys = """{"keys":[{"kty":"EC","kid":"one"}]}""";

    [Theory]
    [InlineData("/api/status", 204, "", null)]
    [InlineData("/api/status", 200, "", "with status 200 instead of 204")]
    [InlineData("/api/status", 500, "Internal Server Error", "with status 500 instead of 204")]
    [InlineData("/api/status", 0, "", "with no HTTP")]
    [InlineData("/oidc/jwks", 200, Keys, null)]
    [InlineData("/oidc/jwks", 204, Keys, "with status 204 instead of 200")]
    [InlineData("/oidc/jwks", 200, """{"keys":[]}""", "without a key")]
    [InlineData("/oidc/jwks", 200, "<html></html>", "without a key")]
    [InlineData("/oidc/jwks", 200, "[]", "without a key")]
    [InlineData("/oidc/.well-known/openid-configuration", 200, """{"issuer":"http://127.0.0.1:1/oidc"}""", null)]
    [InlineData("/oidc/.well-known/openid-configuration", 200, "{}", "without an issuer")]
    [InlineData("/oidc/.well-known/openid-configuration", 404, "", "with status 404 instead of 200")]
    public void Only_the_answer_of_a_working_tenant_is_right(string path, int status, string body, string? wrong) =>
        Assert.Equal(wrong, ServerAnswers.WhyWrong(path, new LoopbackAnswer(status, body)));

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 204, "")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n{}\r\n\r\nmore", 200, "{}\r\n\r\nmore")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n", 0, "")]
    [InlineData("HTTP/1.1 \r\n\r\n", 0, "")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, "")]
    [InlineData("", 0, "")]
    public void An_answer_is_read_or_is_no_HTTP(string text, int status, string body) =>
        Assert.Equal(new LoopbackAnswer(status, body), LoopbackRequest.Parse(text));

    [Theory]
    [InlineData("tenant   error Failed to create tenant: default Error: no key\n    at load (file.js:1:2)\ntenant   error Another", "Failed to create tenant: default Error: no key")]
    [InlineData("index    error Error while initializing app:\nindex    error Error: listen EACCES\n    at x", "Error: listen EACCES")]
    [InlineData("a-b_C1   error ZodError: [\n  {\n    \"code\": \"invalid_type\"\n  }\n]\n    at parse", "ZodError: [ { \"code\": \"invalid_type\" } ]")]
    [InlineData("core     info Core app is running\nTypeError: boom\n    at x (y.js:1:1)\n\nNode.js v22.1.0", "TypeError: boom")]
    [InlineData("cache    warn No Redis client initialized, skipping", "cache    warn No Redis client initialized, skipping")]
    [InlineData("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "Node.js ran out of memory; give it more with NODE_OPTIONS=--max-old-space-size=MEGABYTES, and the container as much and some more")]
    [InlineData("tenant   error postgres://logto:s3cret@db/logto is wrong", "postgres://logto:***@db/logto is wrong")]
    public async Task The_first_error_is_kept_without_its_stack_and_without_a_password(string printed, string complaint)
    {
        var output = await ReadAsync(printed);
        Assert.Equal(complaint, output.Complaint);
        Assert.False(output.Listening.IsCompleted);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("logto-migrate-init: Logto listens on 127.0.0.1:4001\n", false)]
    [InlineData("logto-migrate-init: Logto listens on 127.0.0.1:4001\nlogto-migrate-init: Logto listens on 127.0.0.1:4003\n", false)]
    [InlineData("logto-migrate-init: Logto listens on 127.0.0.1:4001\nnoise\nlogto-migrate-init: Logto listens on 127.0.0.1:4002\n", true)]
    public async Task It_is_asked_only_when_it_listens_on_both_ports(string printed, bool listening) =>
        Assert.Equal(listening, (await ReadAsync(printed)).Listening.IsCompleted);

    [Theory]
    [InlineData("Error: listen EADDRINUSE: address already in use 127.0.0.1:4002", true)]
    [InlineData("Error: listen EADDRINUSE: address already in use 127.0.0.1:80", false)]
    public async Task A_port_that_another_process_has_taken_is_recognised(string printed, bool taken) =>
        Assert.Equal(taken, (await ReadAsync(printed)).PortTaken);

    [Fact]
    public void It_gets_no_setting_by_which_it_would_reach_or_be_reached_elsewhere()
    {
        var environment = ServerEnvironment.Build(Target(), "start", [4001, 4002], "data:guard", "--trace-warnings");

        Assert.Equal("--import=data:guard --trace-warnings --max-old-space-size=512", environment["NODE_OPTIONS"]);
        Assert.Equal(("http://127.0.0.1:4001", "http://127.0.0.1:4002"), (environment["ENDPOINT"], environment["ADMIN_ENDPOINT"]));
        Assert.All(
            new[] { "REDIS_URL", "POSTHOG_PUBLIC_KEY", "APPLICATIONINSIGHTS_CONNECTION_STRING", "HTTPS_CERT_PATH", "ADMIN_DISABLE_LOCALHOST", "TRUST_PROXY_HEADER" },
            name => Assert.Equal("", environment[name])); // an absent one would come from a .env file
    }

    [Theory]
    [InlineData("--max-old-space-size=256")]
    [InlineData("--max_old_space_size=256")]
    public void A_limit_of_the_users_own_stays(string options) =>
        Assert.Equal($"--import=data:guard {options}", ServerEnvironment.Build(Target(), "start", [1, 2], "data:guard", options)["NODE_OPTIONS"]);

    [Theory]
    [InlineData("--inspect=0.0.0.0:9229")]
    [InlineData("--inspect-brk")]
    [InlineData("\"--inspect=0.0.0.0\"")]
    public void No_debugger_is_opened_on_a_copy_of_all_users(string option) => Assert.Equal(
        "--import=data:guard --trace-warnings --max-old-space-size=512",
        ServerEnvironment.Build(Target(), "start", [1, 2], "data:guard", $"--trace-warnings {option}")["NODE_OPTIONS"]);

    private static ServerTarget Target() => SettingsReader.Read(new Dictionary<string, string> { ["DB_URL"] = "postgresql://logto:secret@db/logto" }, out _)!.Main;

    private static async Task<ServerOutput> ReadAsync(string printed)
    {
        var output = new ServerOutput("secret", [4001, 4002], NullLogger.Instance);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(printed));
        await output.FollowAsync(stream, "stderr", TestContext.Current.CancellationToken);
        return output;
    }
}
