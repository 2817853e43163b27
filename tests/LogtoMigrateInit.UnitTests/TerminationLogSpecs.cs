using System.Text;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class TerminationLogSpecs : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void A_message_that_is_cut_ends_with_a_whole_character()
    {
        TerminationLog.Write(_file, new string('x', 4095) + "ü", NullLogger.Instance);

        Assert.Equal(new string('x', 4095), new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(_file)));
    }

    public void Dispose() => File.Delete(_file);
}
