using LogtoMigrateInit.Logto;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class AlterationSpecs
{
    [Theory]
    [InlineData("1.41.0-1780381219-add-username-policy.js", 1780381219)]
    [InlineData("1.0.0_beta.10-1-logto-config.js", 1)]
    [InlineData("1.0.0_rc.0-1674032095.1-dedup-resources-constraint.js", 1674032095.1)]
    [InlineData("next-1785481546-add-scopes.js", 1785481546)]
    [InlineData("next-1785481546.js", 1785481546)]
    [InlineData("whatever-12x.js", 12)]
    [InlineData("a-1..js", 1)]
    public void A_file_name_gives_the_timestamp_that_the_CLI_reads(string fileName, double timestamp) =>
        Assert.Equal(timestamp, Alteration.Parse(fileName)!.Timestamp);

    [Theory]
    [InlineData("utils")]
    [InlineData("README.md")]
    [InlineData("1704934999-tables.js")]
    [InlineData("1.41.0-1780381219-add-username-policy.ts")]
    [InlineData("1.41.0-1780381219-add-username-policy.js.map")]
    [InlineData("1.41.0-add-username-policy.js")]
    public void Other_files_are_no_alterations(string fileName) => Assert.Null(Alteration.Parse(fileName));

    [Theory]
    [InlineData("next-1751529530394-milliseconds.js")]
    [InlineData("next-..-dots.js")]
    [InlineData("next-1.2.3-two-dots.js")]
    public void A_name_that_the_CLI_stops_at_is_an_error(string fileName) =>
        Assert.Contains(fileName, Assert.Throws<FormatException>(() => Alteration.Parse(fileName)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_version_and_the_name_are_read_for_the_progress()
    {
        var alteration = Alteration.Parse("1.0.0_rc.0-1674032095.1-dedup-resources-constraint.js")!;

        Assert.Equal("1.0.0-rc.0", alteration.Version);
        Assert.Equal("dedup-resources-constraint", alteration.Name);
        Assert.Equal("1674032095.1", alteration.FormattedTimestamp);
    }

    [Fact]
    public void A_catalog_is_ordered_by_timestamp_and_not_by_name()
    {
        var catalog = AlterationCatalog.Read("1.43.0", ["1.9.0-1693554904-b.js", "next-1899999999-z.js", "utils", "1.10.0-1698910485-a.js"]);

        Assert.Equal(3, catalog.Count);
        Assert.Equal("next-1899999999-z.js", catalog.Last.FileName);
        Assert.Equal(["1.10.0-1698910485-a.js", "next-1899999999-z.js"], catalog.PendingAfter(new AlterationState(1693554904)).Select(each => each.FileName));
    }

    [Fact]
    public void An_empty_catalog_is_an_error_and_never_nothing_pending() =>
        Assert.Throws<FormatException>(() => AlterationCatalog.Read("1.43.0", ["utils", "README.md"]));
}
