using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class AlterationStateSpecs
{
    [Theory]
    [InlineData("""{"timestamp": 1786431364, "updatedAt": "2026-08-01T00:00:00.000Z"}""", 1786431364)]
    [InlineData("""{"timestamp": 1674987042}""", 1674987042)]
    [InlineData("""{"timestamp": 1772615847.5, "more": null}""", 1772615847.5)]
    public void What_the_CLI_accepts_is_a_state(string json, double timestamp) => Assert.Equal(timestamp, AlterationState.Parse(json).Timestamp);

    [Theory]
    [InlineData("""{"timestamp": "1786431364"}""", "not a number")]
    [InlineData("""{"timestamp": null}""", "not a number")]
    [InlineData("{}", "not a number")]
    [InlineData("""{"timestamp": 0}""", "not above zero")]
    [InlineData("""{"timestamp": -1786431364}""", "not above zero")]
    [InlineData("""{"timestamp": 1751529530394}""", "more than 10 digits")]
    [InlineData("""{"timestamp": 1e400}""", "more than 10 digits")]
    [InlineData("""{"timestamp": 1674987041}""", "older than 1674987042")]
    [InlineData("""{"timestamp": 1786431364, "updatedAt": null}""", "updatedAt")]
    [InlineData("""{"timestamp": 1786431364, "updatedAt": 5}""", "updatedAt")]
    [InlineData("[1786431364]", "not a JSON object")]
    [InlineData("1786431364", "not a JSON object")]
    [InlineData("null", "not a JSON object")]
    [InlineData("nonsense", "not JSON")]
    [InlineData("{\"timest\\ud83d\":0}", "not JSON")]
    public void Anything_else_is_damage_with_its_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => AlterationState.Parse(json)).Message, StringComparison.Ordinal);
}
