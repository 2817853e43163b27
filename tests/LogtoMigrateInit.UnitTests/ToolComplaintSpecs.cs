using LogtoMigrateInit.PostgresTools;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What is said of a failed <c>pg_restore</c>.</summary>
public sealed class ToolComplaintSpecs
{
    [Theory]
    [InlineData("permission denied for schema crm (at VIEW crm v boss)", "pg_restore: while PROCESSING TOC:", "pg_restore: from TOC entry 215; 1259 16402 VIEW crm v boss", "pg_restore: error: permission denied for schema crm", "Command was: CREATE VIEW secret")]
    [InlineData("unsupported version (1.16) in file header", "pg_restore: error: unsupported version (1.16) in file header")]
    [InlineData("killed", "killed")]
    public void It_is_the_first_error_with_its_object(string expected, params string[] lines) => Assert.Equal(expected, Hear(lines).Text);

    [Fact]
    public void A_tool_without_a_word_has_none() => Assert.Null(Hear([]).Text);

    private static ToolComplaint Hear(string[] lines)
    {
        var complaint = new ToolComplaint("pg_restore", null);
        foreach (var line in lines)
        {
            complaint.Hear(line, NullLogger.Instance);
        }

        return complaint;
    }
}
