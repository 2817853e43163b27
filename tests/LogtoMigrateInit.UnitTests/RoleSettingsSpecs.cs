using LogtoMigrateInit.Inspections;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The settings of a tenant's role.</summary>
public sealed class RoleSettingsSpecs
{
    [Theory]
    [InlineData("", null)]
    [InlineData("role row_security=off", "row_security")]
    [InlineData("role row_security=F", "row_security")]
    [InlineData("role row_security=No", "row_security")]
    [InlineData("role row_security=0", "row_security")]
    [InlineData("role row_security=on", null)]
    [InlineData("role row_security=1", null)]
    [InlineData("all row_security=off", "row_security")]
    [InlineData("all row_security=off,role row_security=on", null)]
    [InlineData("role default_transaction_read_only=on", "default_transaction_read_only")]
    [InlineData("role default_transaction_read_only=t", "default_transaction_read_only")]
    [InlineData("role default_transaction_read_only=off", null)]
    [InlineData("all default_transaction_read_only=on", null)]
    [InlineData("all default_transaction_read_only=on,role default_transaction_read_only=off", null)]
    [InlineData("role statement_timeout=5,role row_security=off", "row_security")]
    public void A_setting_with_which_Logto_fails_is_found(string settings, string? wrong) =>
        Assert.Equal(wrong, RoleSettings.Parse(settings).Wrong);

    [Theory]
    [InlineData("role statement_timeout=500", 500.0)]
    [InlineData("role statement_timeout=0", 0.0)]
    [InlineData("role statement_timeout=2s", 2000.0)]
    [InlineData("role statement_timeout=2 s", 2000.0)]
    [InlineData("role statement_timeout=0.5min", 30_000.0)]
    [InlineData("role statement_timeout=500us", 0.5)]
    [InlineData("all statement_timeout=10ms,role statement_timeout=1h", 3_600_000.0)]
    [InlineData("role statement_timeout=often", null)]
    [InlineData("role row_security=on", null)]
    public void A_statement_timeout_is_milliseconds(string settings, double? milliseconds) =>
        Assert.Equal(milliseconds, RoleSettings.Parse(settings).StatementMilliseconds);
}
