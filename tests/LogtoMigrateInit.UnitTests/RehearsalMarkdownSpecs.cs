using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Rehearsal;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class RehearsalMarkdownSpecs
{
    [Fact]
    public void No_name_ends_a_cell_or_becomes_a_tag() =>
        Assert.Contains(@"a\|b &lt;c \*d\* \`e\`", RehearsalMarkdown.Of(new Outcome.RollbackRefused("a|b <c *d* `e`"), null), StringComparison.Ordinal);
}
