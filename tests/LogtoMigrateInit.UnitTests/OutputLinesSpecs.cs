using System.Text;
using LogtoMigrateInit.Processes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class OutputLinesSpecs
{
    [Fact(Timeout = 50_000)]
    public async Task Only_the_line_that_was_cut_says_so()
    {
        var lines = new List<(int Length, long Dropped)>();
        var text = $"{new string('x', OutputLines.MaximumLength + 904)}\nshort\n";

        await OutputLines.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), (line, dropped) => lines.Add((line.Length, dropped)), TestContext.Current.CancellationToken);

        Assert.Equal([(OutputLines.MaximumLength, 904), (5, 0)], lines);
    }
}
