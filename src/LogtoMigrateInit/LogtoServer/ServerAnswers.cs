using System.Text.Json;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>The expected answers of Logto. Each request makes core load the tenant with its role, its configuration and its keys.</summary>
internal static class ServerAnswers
{
    public const string Status = "/api/status";
    public const string Configuration = "/oidc/.well-known/openid-configuration";
    public const string Keys = "/oidc/jwks";

    /// <summary>The paths that are requested for each tenant, in order.</summary>
    public static readonly IReadOnlyList<string> Paths = [Status, Configuration, Keys];

    /// <summary>Returns null for the expected answer; otherwise a clause.</summary>
    public static string? WhyWrong(string path, LoopbackAnswer answer) => path switch
    {
        Status when answer.Status == 204 => null,
        Status => Got(answer, 204),
        _ when answer.Status != 200 => Got(answer, 200),
        Configuration => IssuerOf(answer.Body) is not null ? null : "without an issuer",
        _ => Find(answer.Body, "keys") is { ValueKind: JsonValueKind.Array } keys && keys.GetArrayLength() > 0 ? null : "without a key",
    };

    /// <summary>Returns a clause about a wrong answer.</summary>
    /// <param name="path">The request.</param>
    /// <param name="tenant">The tenant that was asked.</param>
    /// <param name="wrong">From <see cref="WhyWrong"/>.</param>
    public static string Describe(string path, string tenant, string wrong) => $"answers GET {path} of the {tenant} tenant {wrong}";

    /// <summary>Returns the tenant's issuer from its OpenID configuration; null when the body has none.</summary>
    public static string? IssuerOf(string body) =>
        Find(body, "issuer") is { ValueKind: JsonValueKind.String } issuer ? issuer.GetString() : null;

    private static string Got(LoopbackAnswer answer, int wanted) =>
        answer.Status == 0 ? "with no HTTP" : $"with status {answer.Status} instead of {wanted}";

    private static JsonElement? Find(string body, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var found)
                ? found.Clone()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
