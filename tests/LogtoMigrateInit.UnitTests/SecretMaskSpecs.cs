using System.Globalization;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using LogtoMigrateInit.Processes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>No spelling of the password passes, whatever it is made of.</summary>
public sealed class SecretMaskSpecs
{
    // One that no other text of these tests holds, so that what is left of it shows.
    private static readonly string[] Pieces =
        ["ß", "密", "😀", "@", "/", "#", "?", ":", "%", "%41", "+", " ", "&", "=", "'", "\"", "\\", "\\n", "$", "$$", "\t", "\n", "\r", "\u001b", "\u0085", "\u2028", "`", "!", "(", "*", "~", "[", "{", "|", "<", "Q", "q", "7", "u0051", "x51"];

    private static Gen<string> Passwords => from pieces in Gen.Elements(Pieces).ListOf().Resize(12) where pieces.Count > 0 select string.Concat(pieces);

    public static TheoryData<string> Hostile => [.. Pieces.Select(piece => $"S3{piece}cr{piece}{piece}et"), "p@ss\"word", "\\\\", "a\\'b", "100%25", "''", "+++"];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void No_usual_spelling_passes(string password)
    {
        var mask = Mask(password);
        Assert.All(Spellings(password), spelling => Assert.Equal("«***»", mask.Apply($"«{spelling}»")));
    }

    [Fact]
    public void No_mixed_spelling_passes() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(3000), Prop.ForAll(
        (from password in Passwords from seed in Gen.Choose(0, int.MaxValue) select (password, seed)).ToArbitrary(),
        given =>
        {
            var spelling = Mixed(given.password, given.seed);
            var masked = Mask(given.password).Apply($"«{spelling}»");
            return (masked == "«***»").Label($"{given.password} as {spelling} is shown as {masked}");
        }));

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

    private static IEnumerable<string> Spellings(string password)
    {
        var encoded = Uri.EscapeDataString(password);
        var json = JsonSerializer.Serialize(password)[1..^1];
        return
        [
            password, encoded, encoded.ToLowerInvariant(), Uri.EscapeDataString(encoded), json, json.ToUpperInvariant(),
            JsonSerializer.Serialize(json)[1..^1], JsonSerializer.Serialize(encoded)[1..^1],
            JsonEncodedText.Encode(password, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString(),
            Encoded(password, "!'()*-._~"), Encoded(password, "!'()*-._~;,/?:@&=+$#"), Encoded(password, "!'()*-._~").Replace("%20", "+", StringComparison.Ordinal),
            password.Replace("'", "''", StringComparison.Ordinal), password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal),
            string.Concat(password.Select(unit => $"\\u{(int)unit:X4}")),
        ];
    }

    /// <summary>JavaScript's encodeURIComponent and encodeURI, which differ in what they leave as it is.</summary>
    private static string Encoded(string text, string left) => string.Concat(text.EnumerateRunes().Select(rune =>
        (rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || left.Contains((char)rune.Value, StringComparison.Ordinal))) ? $"{rune}" : Percent(rune)));

    private static string Mixed(string password, int seed)
    {
#pragma warning disable CA5394 // The property's own seed makes it reproducible.
        var random = new Random(seed);
        return string.Concat(password.EnumerateRunes().Select(rune => random.Next(6) switch
        {
            0 => Percent(rune),
            1 => Percent(rune).Replace("%", "%25", StringComparison.Ordinal).ToLowerInvariant(),
            2 => string.Concat($"{rune}".Select(unit => $"\\u{(int)unit:x4}")),
            3 => JsonSerializer.Serialize($"{rune}")[1..^1],
            4 when rune.Value < 0x100 => string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:X2}"),
            _ => $"{rune}",
        }));
#pragma warning restore CA5394
    }

    private static string Percent(Rune rune) => string.Concat(Encoding.UTF8.GetBytes($"{rune}").Select(code => $"%{code:X2}"));

    private static SecretMask Mask(string password) => new(password);
}
