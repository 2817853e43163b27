using System.Reflection;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Outcomes;
using LogtoMigrateInit.Platform;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The modules of the program, as docs/architecture.md lists them and as the files' <c>using</c> lines are.</summary>
public sealed partial class ArchitectureSpecs
{
    private static readonly string Source = Path.Combine(Checkout.Root, "src", "LogtoMigrateInit");

    private static readonly string[] Packages = ["CliWrap", "Npgsql", "Semver", "Serilog", "System.CommandLine"];

    /// <summary>From top to bottom.</summary>
    private static readonly IReadOnlyList<Module> Drawn = [.. ReadTable()];

    [Fact]
    public void Every_module_is_listed() =>
        Assert.Equal(
            Directory.EnumerateDirectories(Source).Select(Path.GetFileName).Except(["bin", "obj", "ILLink"]).Order(),
            Drawn.Select(module => module.Name).Order());

    [Fact]
    public void A_module_uses_what_is_listed_and_nothing_else() =>
        Assert.All(Drawn, module => Assert.Equal((module.Name, string.Join(", ", module.Uses)), (module.Name, string.Join(", ", UsedBy(module.Name, ModuleLine())))));

    [Fact]
    public void Every_arrow_points_down() =>
        Assert.All(Drawn.Index(), each => Assert.All(each.Item.Uses, used => Assert.Contains(used, Drawn.Skip(each.Index + 1).Select(module => module.Name))));

    [Fact]
    public void No_module_uses_what_is_at_the_root() =>
        Assert.All(
            Directory.EnumerateFiles(Source, "*.cs").Select(Path.GetFileNameWithoutExtension),
            type => Assert.DoesNotContain(
                Drawn.SelectMany(module => Files(module.Name)), file => Regex.IsMatch(File.ReadAllText(file), $@"\b{type}[.(<]", RegexOptions.None, TimeSpan.FromSeconds(5))));

    [Fact]
    public void A_module_uses_the_packages_that_are_listed_and_no_other() =>
        Assert.All(
            Drawn,
            module => Assert.Equal(
                (module.Name, string.Join(", ", module.Packages)),
                (module.Name, string.Join(", ", Packages.Where(package => UsesPackage(module.Name, package))))));

    [Fact]
    public void No_line_of_the_product_is_wider_than_140_columns() =>
        Assert.Empty(
            from file in ProductFiles()
            from line in File.ReadLines(file).Index()
            where line.Item.Length > 140
            select $"{Path.GetRelativePath(Source, file)}:{line.Index + 1}: {line.Item.Length}");

    [Fact]
    public void A_method_of_more_than_40_lines_says_why() =>
        Assert.Empty(
            from file in ProductFiles()
            from name in LongMethodsWithoutReason(File.ReadAllLines(file))
            select $"{Path.GetRelativePath(Source, file)}:{name}");

    [Fact]
    public void No_constructor_has_more_than_seven_parameters() =>
        Assert.Empty(
            from type in typeof(Outcomes.Outcome).Assembly.GetTypes()
            where type.Namespace?.StartsWith("LogtoMigrateInit", StringComparison.Ordinal) == true && !IsRecord(type)
            from constructor in type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            where constructor.GetParameters().Length > 7
            select $"{type.Name}: {constructor.GetParameters().Length}");

    [Fact]
    public void The_product_is_not_called_a_gate() =>
        Assert.Empty(
            from file in ProductFiles()
            from line in File.ReadLines(file).Index()
            where Regex.IsMatch(line.Item, @"\bgates?\b", RegexOptions.IgnoreCase, TimeSpan.FromSeconds(5))
            select $"{Path.GetRelativePath(Source, file)}:{line.Index + 1}");

    /// <summary>getaddrinfo and others read it in other threads, and glibc does not lock it.</summary>
    [Fact]
    public void The_C_librarys_environment_is_changed_only_in_Main()
    {
        var setters = ProductFiles().Where(file => File.ReadAllText(file).Contains("\"setenv\"", StringComparison.Ordinal)).Select(Path.GetFileNameWithoutExtension);
        Assert.Equal(["LinkedLibraries", "SystemRoots"], setters.Order());
        Assert.Equal(
            ["Program.cs: LinkedLibraries.KeepToThemselves();", "Program.cs: SystemRoots.Hide();"],
            from file in ProductFiles()
            from line in File.ReadLines(file)
            where line.Contains("LinkedLibraries.KeepToThemselves(", StringComparison.Ordinal) || line.Contains("SystemRoots.Hide(", StringComparison.Ordinal)
            select $"{Path.GetFileName(file)}: {line.Trim()}");
    }

    private static IEnumerable<string> ProductFiles() => Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    /// <summary>A record's constructor lists its data.</summary>
    private static bool IsRecord(Type type) => type.GetMethod("<Clone>$") is not null;

    private static bool UsesPackage(string module, string package) =>
        Files(module).SelectMany(File.ReadLines).Any(line => line.StartsWith($"using {package}", StringComparison.Ordinal));

    private static string[] UsedBy(string module, Regex line) =>
        [.. Files(module).SelectMany(File.ReadLines).Select(text => line.Match(text)).Where(match => match.Success).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Files(string module) => Directory.EnumerateFiles(Path.Combine(Source, module), "*.cs", SearchOption.AllDirectories);

    private static IEnumerable<Module> ReadTable() =>
        from line in File.ReadLines(Path.Combine(Checkout.Root, "docs", "architecture.md"))
        let cells = line.Split('|', StringSplitOptions.TrimEntries)
        where cells is [_, ['`', ..], _, _, _, _]
        select new Module(cells[1].Trim('`'), cells[3].Split(", ", StringSplitOptions.RemoveEmptyEntries), cells[4].Split(", ", StringSplitOptions.RemoveEmptyEntries));

    /// <summary>The format check keeps the braces of a method's body alone on their lines, four columns in.</summary>
    private static IEnumerable<string> LongMethodsWithoutReason(string[] lines)
    {
        for (var open = Array.IndexOf(lines, "    {"); open >= 0; open = Array.IndexOf(lines, "    {", open + 1))
        {
            var length = Array.FindIndex(lines, open, line => line.StartsWith("    }", StringComparison.Ordinal)) - open - 1;
            var start = Array.FindLastIndex(lines, open, line => line.Length == 0 || line == "{") + 1;
            if (length > 40 && !lines[start..open].Any(line => line.StartsWith("    // Over 40 lines: ", StringComparison.Ordinal)))
            {
                yield return $"{open + 1}: {length} lines";
            }
        }
    }

    [GeneratedRegex(@"^using LogtoMigrateInit\.(\w+);")]
    private static partial Regex ModuleLine();

    private sealed record Module(string Name, string[] Uses, string[] Packages);
}
