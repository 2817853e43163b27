using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Outcomes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What the pages promise about themselves.</summary>
public sealed partial class DocumentSpecs
{
    private static readonly string[] Pages =
    [
        .. Directory.EnumerateFiles(Checkout.Root, "*.md"), .. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "docs"), "*.md", SearchOption.AllDirectories),
        .. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "docker"), "*.md"), Path.Combine(Checkout.Root, "bench", "README.md"),
    ];

    /// <summary>The Chinese pages and the English ones whose facts they have.</summary>
    public static TheoryData<string, string> Translations => new()
    {
        { "README.zh-CN.md", "README.md" },
        { "docs/zh-CN/upgrade.md", "docs/upgrade.md" },
        { "docs/zh-CN/exit-codes.md", "docs/troubleshooting.md" },
    };

    [Fact]
    public void Every_block_says_which_test_runs_it_or_why_none_does()
    {
        var names = TestNames();

        Assert.All(Pages, page => Assert.All(Block().Matches(File.ReadAllText(page)), block =>
        {
            var marker = Marker().Match(block.Groups["before"].Value);
            Assert.True(marker.Success, $"{page}: {block.Value}");
            Assert.True(marker.Groups["not"].Success || names.Contains(marker.Groups["test"].Value), $"{page}: there is no test {marker.Groups["test"].Value}");
        }));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("README.zh-CN.md")]
    public void The_compose_file_of_a_readme_is_the_one_that_the_tests_run(string page) =>
        Assert.Contains(File.ReadAllText(Path.Combine(Checkout.Root, "docker", "compose.yaml")).TrimEnd(), Blocks(File.ReadAllText(Path.Combine(Checkout.Root, page))));

    [Fact]
    public void Every_link_to_a_file_leads_to_one_and_to_a_heading_that_is_there() =>
        Assert.All(Pages, page => Assert.All(Link().Matches(Fenced().Replace(File.ReadAllText(page), "")), link =>
        {
            var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
            var target = path.Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
            Assert.True(Path.Exists(target), $"{page}: {link.Value}");
            Assert.True(anchor.Length == 0 || Headings(target).Select(Anchor).Contains(anchor), $"{page}: {link.Value}");
        }));

    [Theory]
    [InlineData("docs/troubleshooting.md")]
    [InlineData("docs/zh-CN/exit-codes.md")]
    public void Every_exit_code_has_its_part(string page) =>
        Assert.Equal(
            Enum.GetValues<ExitCode>().Select(code => $"## {((int)code).ToString(CultureInfo.InvariantCulture)}"),
            Headings(Path.Combine(Checkout.Root, page)).Where(heading => char.IsAsciiDigit(heading[^1])));

    [Theory]
    [MemberData(nameof(Translations))]
    public void A_Chinese_page_has_the_same_commands_names_and_numbers_as_the_English_one(string chinese, string english)
    {
        var (translated, original) = (File.ReadAllText(Path.Combine(Checkout.Root, chinese)), File.ReadAllText(Path.Combine(Checkout.Root, english)));

        Assert.Equal(Blocks(original), Blocks(translated));
        Assert.Empty(Names(translated).Except(Names(original)));
        if (english != "README.md") // the rest of which is in English pages
        {
            Assert.Equal(Headings(Path.Combine(Checkout.Root, english)).Count(), Headings(Path.Combine(Checkout.Root, chinese)).Count());
            Assert.Empty(Names(original).Except(Names(translated)));
        }
    }

    private static string[] Blocks(string page) => [.. Block().Matches(page).Select(block => block.Groups["text"].Value)];

    /// <summary>What is in backquotes, outside of blocks.</summary>
    private static HashSet<string> Names(string page) => [.. Quoted().Matches(Fenced().Replace(page, "")).Select(name => name.Groups[1].Value)];

    private static IEnumerable<string> Headings(string page) => Fenced().Replace(File.ReadAllText(page), "").Split('\n').Where(line => line.StartsWith('#'));

    /// <summary>As GitHub makes them.</summary>
    private static string Anchor(string heading) =>
        string.Concat(heading.TrimStart('#').Trim().ToLowerInvariant().Where(character => char.IsLetterOrDigit(character) || character is ' ' or '-' or '_')).Replace(' ', '-');

    private static HashSet<string> TestNames()
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { "demo.sh" };
        names.UnionWith(CaseName().Matches(File.ReadAllText(Path.Combine(Checkout.Root, "tests", "containers", "cases.sh"))).Select(name => name.Groups[1].Value));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests"), "*Specs.cs", SearchOption.AllDirectories))
        {
            var specs = Path.GetFileNameWithoutExtension(file);
            names.Add(specs);
            names.UnionWith(TestMethod().Matches(File.ReadAllText(file)).Select(name => $"{specs}.{name.Groups[1].Value}"));
        }

        return names;
    }

    [GeneratedRegex(@"(?<before>[^\n]*)\n```[a-z]+\n(?<text>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^<!-- (?:run: (?<test>[\w.]+)(?: \(.*\))?|(?<not>not run: .+)) -->$")]
    private static partial Regex Marker();

    [GeneratedRegex(@"\n```.*?\n```", RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex(@"\]\((?!https?:)(?<path>[^)#\s]*)(?:#(?<anchor>[^)\s]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^(test_\w+)\(\)", RegexOptions.Multiline)]
    private static partial Regex CaseName();

    [GeneratedRegex(@"public (?:async )?(?:Task|void) (\w+)\(")]
    private static partial Regex TestMethod();
}
