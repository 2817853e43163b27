using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Outcomes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What the pages promise about themselves.</summary>
public sealed partial class DocumentSpecs
{
    private const int LongestSentence = 30;
    private const int LongestPage = 150;

    /// <summary>The pages of docs/, in the order in which README links to them.</summary>
    private static readonly string[] Names =
        ["install", "upgrade", "going-back", "rehearsal", "exit-codes", "reference", "operating", "security", "reliability", "architecture"];

    private static readonly string[] Translated = ["install", "upgrade", "going-back", "rehearsal", "exit-codes"];

    private static readonly string[] Pages =
    [
        .. Directory.EnumerateFiles(Checkout.Root, "*.md"), .. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "docs"), "*.md", SearchOption.AllDirectories),
        .. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "docker"), "*.md"), Path.Combine(Checkout.Root, "bench", "README.md"),
    ];

    /// <summary>README and the pages of docs/ in English.</summary>
    public static TheoryData<string> EnglishPages => [.. Names.Select(name => $"docs/{name}.md").Prepend("README.md")];

    /// <summary>The Chinese pages and the English ones whose facts they have.</summary>
    public static TheoryData<string, string> Translations
    {
        get
        {
            var pages = new TheoryData<string, string> { { "README.zh-CN.md", "README.md" } };
            foreach (var name in Translated)
            {
                pages.Add($"docs/zh-CN/{name}.md", $"docs/{name}.md");
            }

            return pages;
        }
    }

    [Fact]
    public void There_are_ten_pages_and_five_of_them_in_Chinese()
    {
        Assert.Equal(Names.Order(), PagesIn("docs"));
        Assert.Equal(Translated.Order(), PagesIn(Path.Combine("docs", "zh-CN")));

        static IEnumerable<string> PagesIn(string folder) => Directory.EnumerateFiles(Path.Combine(Checkout.Root, folder)).Select(file => Path.GetFileNameWithoutExtension(file)!).Order();
    }

    [Theory]
    [MemberData(nameof(EnglishPages))]
    public void A_page_is_short_enough_to_be_read(string page) =>
        Assert.True(page == "docs/reference.md" || File.ReadAllLines(Path.Combine(Checkout.Root, page)).Length <= LongestPage);

    [Theory]
    [MemberData(nameof(EnglishPages))]
    public void No_sentence_is_too_long(string page) =>
        Assert.DoesNotContain(Sentences(Read(page)), sentence => Word().Count(sentence) > LongestSentence);

    [Theory]
    [MemberData(nameof(Translations))]
    public void The_pages_use_the_terms_of_the_glossary(string chinese, string english)
    {
        Assert.DoesNotMatch(@"(?i)\b(gate|mends?|mended|for ever|all the same|carries on|carry on|half way|leap)\b", Prose(Read(english)));
        Assert.DoesNotMatch("守门|回退|模式|级别|用完即弃|缺陷|证书机构", Prose(Read(chinese)));
    }

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

    [Fact]
    public void Every_test_that_a_page_names_exists()
    {
        var names = TestNames();

        Assert.All(Pages, page => Assert.All(NamedTest().Matches(File.ReadAllText(page)), named =>
        {
            var (start, isWhole) = (named.Groups["name"].Value, named.Groups["more"].Length == 0);
            Assert.Contains(names, name => isWhole ? name == start : name.StartsWith(start, StringComparison.Ordinal));
        }));
    }

    [Fact]
    public void Every_link_to_a_file_leads_to_one_and_to_a_heading_that_is_there() =>
        Assert.All(Pages, page => Assert.All(Link().Matches(Fenced().Replace(File.ReadAllText(page), "")), link =>
        {
            var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
            var target = path.Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
            Assert.True(Path.Exists(target), $"{page}: {link.Value}");
            Assert.True(anchor.Length == 0 || Headings(target).Select(Anchor).Contains(anchor), $"{page}: {link.Value}");
        }));

    [Fact]
    public void Every_page_that_a_file_names_exists()
    {
        string[] folders = ["src", "docker", "tests", ".github"];
        var files = folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Checkout.Root, folder), "*", SearchOption.AllDirectories))
            .Where(file => Path.GetExtension(file) is ".cs" or ".csproj" or ".sh" or ".yaml" or ".yml" or ".hcl" or ".md" && !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

        Assert.All(files, file => Assert.All(NamedPage().Matches(File.ReadAllText(file)), page =>
            Assert.True(File.Exists(Path.Combine(Checkout.Root, page.Value)), $"{file}: {page.Value}")));
    }

    [Theory]
    [InlineData("docs/exit-codes.md")]
    [InlineData("docs/zh-CN/exit-codes.md")]
    public void Every_exit_code_has_its_part(string page) =>
        Assert.Equal(
            Enum.GetValues<ExitCode>().Select(code => $"## {((int)code).ToString(CultureInfo.InvariantCulture)}"),
            Headings(Path.Combine(Checkout.Root, page)).Where(heading => char.IsAsciiDigit(heading[^1])));

    [Fact]
    public void The_alterations_of_the_sample_report_are_those_of_the_tested_one()
    {
        var tested = File.ReadAllLines(Path.Combine(Checkout.Root, "tests", "LogtoMigrateInit.EndToEndTests", "Rehearsal", "Golden", "rehearsal-1.19.0-1.43.0.txt")).Select(WithoutTimes).ToHashSet();
        var sample = Read("docs/rehearsal.md").Split("   inside    alteration\n")[1].Split("\n      …")[0].Split('\n').Select(WithoutTimes).ToArray();

        Assert.NotEmpty(sample);
        Assert.Empty(sample.Except(tested));

        static string WithoutTimes(string line) => Seconds().Replace(line, "N s").Trim();
    }

    [Theory]
    [MemberData(nameof(Translations))]
    public void A_Chinese_page_has_the_same_headings_commands_names_and_figures_as_the_English_one(string chinese, string english)
    {
        var (translated, original) = (Read(chinese), Read(english));

        Assert.Equal(Blocks(original), Blocks(translated));
        Assert.Equal(Headings(Path.Combine(Checkout.Root, english)).Count(), Headings(Path.Combine(Checkout.Root, chinese)).Count());
        Assert.Equal(Quotes(original).Order(), Quotes(translated).Order());
        Assert.Equal(Figures(original), Figures(translated));
    }

    private static string Read(string page) => File.ReadAllText(Path.Combine(Checkout.Root, page));

    private static string[] Blocks(string page) => [.. Block().Matches(page).Select(block => block.Groups["text"].Value)];

    /// <summary>What is in backquotes, outside of blocks and of the program's own lines.</summary>
    private static HashSet<string> Quotes(string page) => [.. Quoted().Matches(LastLine().Replace(Fenced().Replace(page, ""), "")).Select(name => name.Groups[1].Value)];

    /// <summary>The numbers in the text.</summary>
    private static IEnumerable<string> Figures(string page) => Number().Matches(Prose(page)).Select(number => number.Value).Distinct().Order(StringComparer.Ordinal);

    /// <summary>A page's text and tables, without blocks, names in backquotes, addresses and the program's own lines.</summary>
    private static string Prose(string page) =>
        Address().Replace(Quoted().Replace(LastLine().Replace(Comment().Replace(Fenced().Replace(page, ""), ""), ""), "`x`"), "]");

    private static IEnumerable<string> Sentences(string page) =>
        TextBlock().Split(string.Join('\n', Prose(page).Split('\n').Select(line => line.StartsWith('|') || line.StartsWith('#') ? "" : line)))
            .SelectMany(block => SentenceEnd().Split(block.Trim()));

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

    [GeneratedRegex(@"\]\([^)\s]*\)")]
    private static partial Regex Address();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("<!--.*?-->", RegexOptions.Singleline)]
    private static partial Regex Comment();

    /// <summary>A line of docs/exit-codes.md that <see cref="EndingsSpecs"/> makes.</summary>
    [GeneratedRegex(@"^- \*[A-Za-z]+\*: .*$", RegexOptions.Multiline)]
    internal static partial Regex LastLine();

    [GeneratedRegex(@"\n\s*\n|\n(?=\s*(?:[-*>]|\d+\.) )")]
    private static partial Regex TextBlock();

    [GeneratedRegex(@"(?<=[.!?][)*]*)\s+")]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"\S*\w\S*")]
    private static partial Regex Word();

    [GeneratedRegex(@"\d+(?:[.,]\d+)*")]
    private static partial Regex Number();

    [GeneratedRegex(@"\d+\.\d+ s\b")]
    private static partial Regex Seconds();

    [GeneratedRegex(@"`(?<name>\w+Specs\.\w+?)(?<more>_?…)?`")]
    private static partial Regex NamedTest();

    [GeneratedRegex(@"docs/(?:zh-CN/)?[a-z-]+\.md")]
    private static partial Regex NamedPage();

    [GeneratedRegex(@"^(test_\w+)\(\)", RegexOptions.Multiline)]
    private static partial Regex CaseName();

    [GeneratedRegex(@"public (?:async )?(?:Task|void) (\w+)\(")]
    private static partial Regex TestMethod();
}
