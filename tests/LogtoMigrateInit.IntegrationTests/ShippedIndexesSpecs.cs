using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>What real releases build concurrently, read by hand from their scripts: the gate finds that, all of it and nothing else.</summary>
public sealed class ShippedIndexesSpecs
{
    private static readonly Dictionary<string, ConcurrentIndex[]> Expected = new()
    {
        ["1765183934"] = [new("logs__created_at_id", "logs", true)],
        ["1765631949"] = [], // drops one
        ["1770361004"] = [new("oidc_model_instances__expires_at", "oidc_model_instances", true), new("oidc_model_instances__session_payload_account_id_expires_at", "oidc_model_instances", true)],
        ["1772615848"] = [new("oidc_model_instances__model_name_payload_grant_id_partial", "oidc_model_instances", false)],
        ["1772621060"] = [new("oidc_model_instances__grant_payload_account_id_expires_at", "oidc_model_instances", false)],
        ["1778500000"] = [new("organization_user_relations__tenant_id_user_id", "organization_user_relations", true)],
        ["1778500001"] = [new("organization_role_user_relations__tenant_id_org_id_user_id", "organization_role_user_relations", true)],
        ["1780358400"] = [], // drops one
        ["1780381219"] = [new("users__tenant_lower_username", "users", false)],
        ["1781689400"] = [new("sentinel_activities__created_at", "sentinel_activities", true)],
        ["1782375106"] = [new("service_logs__tenant_id__type__created_at", "service_logs", true)],
        ["1784619793"] = [new("service_logs__created_at", "service_logs", false)],
        ["1785393731"] = [new("oidc_model_instances__model_name_payload_account_id_partial", "oidc_model_instances", false)],
        ["1785481546"] = [new("scopes__tenant_id_id", "scopes", false), new("organization_scopes__tenant_id_id", "organization_scopes", false)],
        ["1785722831"] = [new("oidc_session_extensions__account_id", "oidc_session_extensions", false)],
        ["1786414712"] = [new("service_logs__email__tenant_id__created_at__id", "service_logs", false), new("service_logs__email__tenant_id__recipient__created_at__id", "service_logs", false)],
    };

    [Theory(Timeout = 300_000)]
    [InlineData("1.37.1", 3, Traits = ["Needs", "all fixtures"])]
    [InlineData("1.40.1", 7)]
    [InlineData("1.42.0", 12, Traits = ["Needs", "all fixtures"])]
    [InlineData("1.43.0", 16)]
    public async Task Each_index_of_a_release_is_found_and_nothing_else(string version, int scriptsWithBeforeUp)
    {
        var withBeforeUp = 0;
        foreach (var file in Directory.EnumerateFiles(new LogtoRelease(version).AlterationsDirectory, "*.js"))
        {
            var script = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            var timestamp = Path.GetFileName(file).Split('-')[1];

            Assert.Equal(Expected.GetValueOrDefault(timestamp, []), ConcurrentIndex.FindIn(script, ConcurrentIndex.BeforeUp));
            withBeforeUp += Expected.ContainsKey(timestamp) ? 1 : 0;
        }

        Assert.Equal(scriptsWithBeforeUp, withBeforeUp);
    }
}
