using LogtoMigrateInit.Platform;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class PlainFileSpecs : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void A_file_of_exactly_the_limit_is_read_and_a_longer_one_is_not()
    {
        File.WriteAllText(_file, new string('x', 2048));
        Assert.Equal(2048, PlainFile.ReadText(_file, 2048, TimeSpan.FromSeconds(10)).Length);

        File.AppendAllText(_file, "x");
        Assert.Contains("more than 2 KiB", Assert.Throws<IOException>(() => PlainFile.ReadText(_file, 2048, TimeSpan.FromSeconds(10))).Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_file);
}
