using System.Text.RegularExpressions;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The rooms of the program, as docs/architecture.md draws them and as the files' <c>using</c> lines are.</summary>
public sealed partial class ArchitectureSpecs
{
    private static readonly string Source = Path.Combine(Checkout.Root, "src", "LogtoMigrateInit");

    /// <summary>From top to bottom.</summary>
    private static readonly IReadOnlyList<Room> Drawn = [.. ReadTable()];

    [Fact]
    public void Every_room_is_drawn() =>
        Assert.Equal(
            Directory.EnumerateDirectories(Source).Select(Path.GetFileName).Except(["bin", "obj", "ILLink"]).Order(),
            Drawn.Select(room => room.Name).Order());

    [Fact]
    public void A_room_uses_what_is_drawn_and_nothing_else() =>
        Assert.All(Drawn, room => Assert.Equal((room.Name, string.Join(", ", room.Uses)), (room.Name, string.Join(", ", UsedBy(room.Name, RoomLine())))));

    [Fact]
    public void Every_arrow_points_down() =>
        Assert.All(Drawn.Index(), each => Assert.All(each.Item.Uses, used => Assert.Contains(used, Drawn.Skip(each.Index + 1).Select(room => room.Name))));

    [Fact]
    public void No_room_uses_what_stands_at_the_root() =>
        Assert.All(
            Directory.EnumerateFiles(Source, "*.cs").Select(Path.GetFileNameWithoutExtension),
            type => Assert.DoesNotContain(
                Drawn.SelectMany(room => Files(room.Name)), file => Regex.IsMatch(File.ReadAllText(file), $@"\b{type}[.(<]", RegexOptions.None, TimeSpan.FromSeconds(5))));

    [Fact]
    public void A_package_belongs_to_one_room() =>
        Assert.All(
            Drawn.Where(room => room.Package.Length > 0),
            owner => Assert.Equal(
                [owner.Name],
                Drawn.Where(room => Files(room.Name).Any(file => File.ReadLines(file).Any(line => line.StartsWith($"using {owner.Package}", StringComparison.Ordinal)))).Select(room => room.Name)));

    private static string[] UsedBy(string room, Regex line) =>
        [.. Files(room).SelectMany(File.ReadLines).Select(text => line.Match(text)).Where(match => match.Success).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Files(string room) => Directory.EnumerateFiles(Path.Combine(Source, room), "*.cs", SearchOption.AllDirectories);

    private static IEnumerable<Room> ReadTable() =>
        from line in File.ReadLines(Path.Combine(Checkout.Root, "docs", "architecture.md"))
        let cells = line.Split('|', StringSplitOptions.TrimEntries)
        where cells is [_, ['`', ..], _, _, _, _]
        select new Room(cells[1].Trim('`'), cells[3].Split(", ", StringSplitOptions.RemoveEmptyEntries), cells[4]);

    [GeneratedRegex(@"^using LogtoMigrateInit\.(\w+);")]
    private static partial Regex RoomLine();

    private sealed record Room(string Name, string[] Uses, string Package);
}
