using System.Text.Json;
using LogtoMigrateInit.Processes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>No usual spelling of the password passes.</summary>
public sealed class SecretMaskSpecs
{
    private const string Password = "S3 p@ss'w\"ö\\(!)\n😀\u001b";

    private static readonly string[] Pieces =
        ["ß", "密", "😀", "@", "/", "%", "%41", "+", " ", "&", "'", "\"", "\\", "\\n", "$", "$$", "\t", "\n", "\r", "\u001b", "\u0085", "\u2028", "*", "***", "|"];

    public static TheoryData<string> Hostile => [.. Pieces.Select(piece => $"S3{piece}cr{piece}{piece}et"), "\\\\\\\\", "a\\'b", "100%25", "''''", "++++"];

    [Theory]
    [InlineData("S3 p@ss'w\"ö\\(!)\n😀\u001b")] // itself
    [InlineData("s3 P@SS'W\"ö\\(!)\n😀\u001b")] // in other cases
    [InlineData("S3%20p%40ss%27w%22%C3%B6%5C%28%21%29%0A%F0%9F%98%80%1B")] // percent-encoded
    [InlineData("s3%20p%40ss%27w%22%c3%b6%5c%28%21%29%0a%f0%9f%98%80%1b")] // in lower case
    [InlineData("S3%20p%40ss'w%22%C3%B6%5C(!)%0A%F0%9F%98%80%1B")] // by JavaScript's encodeURIComponent
    [InlineData("S3%20p@ss'w%22%C3%B6%5C(!)%0A%F0%9F%98%80%1B")] // by JavaScript's encodeURI
    [InlineData("S3+p%40ss'w%22%C3%B6%5C(!)%0A%F0%9F%98%80%1B")] // with a plus for a blank
    [InlineData("S3+p%40ss%27w%22%C3%B6%5C%28%21%29%0A%F0%9F%98%80%1B")]
    [InlineData("S3%2520p%2540ss%2527w%2522%25C3%25B6%255C%2528%2521%2529%250A%25F0%259F%2598%2580%251B")] // percent-encoded twice
    [InlineData(@"S3 p@ss'w\""ö\\(!)\n😀\u001b")] // by JavaScript's JSON.stringify
    [InlineData(@"S3 p@ss'w\\\""ö\\\\(!)\\n😀\\u001b")] // by JSON.stringify twice
    [InlineData(@"S3 p@ss\u0027w\u0022\u00F6\\(!)\n\uD83D\uDE00\u001B")] // JSON in ASCII
    [InlineData(@"S3 p@ss\'w""ö\\(!)\n😀\x1B")] // by Node.js's util.inspect
    [InlineData(@"\u0053\u0033\u0020\u0070\u0040\u0073\u0073\u0027\u0077\u0022\u00f6\u005c\u0028\u0021\u0029\u000a\ud83d\ude00\u001b")]
    [InlineData(@"\x53\x33\x20\x70\x40\x73\x73\x27\x77\x22\xf6\x5c\x28\x21\x29\x0a\ud83d\ude00\x1b")]
    [InlineData("S3 p@ss''w\"ö\\(!)\n😀\u001b")] // in SQL
    public void No_usual_spelling_passes(string spelling) => Assert.Equal("«***»", Mask(Password).Apply($"«{spelling}»"));

    [Theory]
    [MemberData(nameof(Hostile))]
    public void No_character_lets_a_spelling_pass(string password) => Assert.All(
        [password, Uri.EscapeDataString(password), JsonSerializer.Serialize(password)[1..^1], password.Replace("'", "''", StringComparison.Ordinal)],
        spelling => Assert.Equal("«***»", Mask(password).Apply($"«{spelling}»")));

    [Fact]
    public void What_is_no_spelling_of_the_password_is_shown() =>
        Assert.Equal("relation \"p@ss_word\" does not exist, 50%, C:\\p", Mask("p@ss\"word").Apply("relation \"p@ss_word\" does not exist, 50%, C:\\p"));

    [Fact]
    public void A_line_of_a_password_of_several_lines_is_a_secret_too() => Assert.Equal("  '***' +", Mask("first line\nsecond line").Apply("  'second line' +"));

    [Theory]
    [InlineData("create role x password 'S3cret' login", "create role x password *** login")]
    [InlineData("alter role x encrypted password E'S3\\'cret", "alter role x encrypted password ***")]
    [InlineData("info base role password: s3cr3t", "info base role password: ***")]
    [InlineData("other postgres://somebody:p%40ss@else/where", "other postgres://somebody:***@else/where")]
    public void Other_passwords_are_masked_where_they_can_be_recognised(string line, string expected) => Assert.Equal(expected, Mask("x y z").Apply(line));

    [Fact]
    public void A_password_that_is_part_of_most_words_is_left_in_them() => Assert.Equal("error: e", Mask("e").Apply("error: e"));

    [Fact]
    public void A_short_password_is_masked_in_a_URL_whatever_its_scheme() =>
        Assert.Equal("postgresql+psycopg2://u:***@db/l", Mask("e").Apply("postgresql+psycopg2://u:e@db/l"));

    private static SecretMask Mask(string password) => new(password);
}
