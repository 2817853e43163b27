using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace LogtoMigrateInit.UnitTests;

/// <summary>JSON as a tree, and the many texts that mean it.</summary>
internal static class JsonTexts
{
    /// <summary>Deep enough to be odd; a state's row has two levels.</summary>
    private const int Depth = 3;

    /// <summary>What a state may look like, rightly or not, with the value that it means.</summary>
    public static Gen<(string Text, Json Value)> Any =>
        from value in Gen.Frequency((6, States), (1, Values(Depth)))
        from text in Write(value)
        select (text, value);

    public static Gen<string> WellFormed => from any in Any select any.Text;

    /// <summary>Cut, doubled, and with a character changed; half of a surrogate pair becomes U+FFFD, as on its way from the server.</summary>
    public static Gen<string> Damaged =>
        from text in WellFormed
        from start in Gen.Choose(0, text.Length)
        from length in Gen.Choose(0, 3)
        from inserted in Gen.Elements("", "{", "}", "\"", "\\", ",", ":", "-", "e", "0", "\u0001", "ö", "\ufeff", "NaN", "Infinity", "//", "\\u12", "]")
        select Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Remove(start, Math.Min(length, text.Length - start)).Insert(start, inserted)));

    private static Gen<Json> States =>
        from members in Gen.OneOf(Member("timestamp", Numbers), Member("timestamp", Values(1)), Member("updatedAt", Texts), Member("updatedAt", Values(1)), Member("Timestamp", Numbers), Members(Depth)).ListOf()
        from timestamp in Member("timestamp", Numbers)
        from first in Gen.Elements(true, false)
        select (Json)new Json.Object(first ? [timestamp, .. members.Take(4)] : [.. members.Take(4), timestamp]);

    private static Gen<Json> Numbers =>
        from text in Gen.OneOf(
            from seconds in Gen.Choose(1_674_987_041, int.MaxValue) from end in Gen.Elements("", ".0", ".5", "e0", "E+0", "00e-2") select $"{seconds}{end}",
            Gen.Elements(
                "0", "-0", "0.0", "1", "-1784620000", "1674987041.999999", "1674987042", "1674987042.0", "9999999999", "9999999999.000001", "10000000000", "1.78462e9", "1.78462E+9", "178462e4", "1784620000000e-3",
                "1784620000000", "1e308", "1e999", "-1e999", "1e-999", "0.000001e16", "123456789012345678901234567890"))
        select (Json)new Json.Number(text);

    private static Gen<Json> Texts => from text in Gen.Elements("", "2026-01-01T00:00:00.000Z", "1784620000", "timestamp", "ö密😀", "a\"b\\c/d", "\t\r\n\b\f", "\u007f\u2028") select (Json)new Json.String(text);

    private static Gen<Json> Values(int depth) =>
        depth == 0
            ? Gen.OneOf(Numbers, Texts, Gen.Elements(Json.Null, Json.True, Json.False))
            : Gen.OneOf(
                Values(0),
                from elements in Values(depth - 1).ListOf() select (Json)new Json.Array([.. elements.Take(3)]),
                from members in Members(depth - 1).ListOf() select (Json)new Json.Object([.. members.Take(3)]));

    private static Gen<(string, Json)> Members(int depth) =>
        from name in Gen.Elements("timestamp", "updatedAt", "", "a", "timestamp ", "TIMESTAMP", "ö", "__proto__", "a\"b")
        from value in Values(depth)
        select (name, value);

    private static Gen<(string, Json)> Member(string name, Gen<Json> values) => from value in values select (name, value);

    private static Gen<string> Write(Json value) => value switch
    {
        Json.Number number => Gen.Constant(number.Text),
        Json.String text => Quote(text.Text),
        Json.Literal literal => Gen.Constant(literal.Text),
        Json.Array array => Join("[", [.. array.Elements.Select(Write)], "]"),
        Json.Object members => Join("{", [.. members.Members.Select(member => Pair(member.Name, member.Value))], "}"),
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    };

    private static Gen<string> Pair(string name, Json value) =>
        from key in Quote(name) from before in Space from after in Space from text in Write(value) select $"{key}{before}:{after}{text}";

    private static Gen<string> Join(string open, IReadOnlyList<Gen<string>> parts, string close) => parts
        .Select((part, index) => from before in Space from text in part from after in Space select $"{(index > 0 ? "," : "")}{before}{text}{after}")
        .Aggregate(from space in Space select $"{open}{space}", (all, part) => from left in all from right in part select left + right)
        .Select(text => text + close);

    private static Gen<string> Space => Gen.Frequency((6, Gen.Constant("")), (1, Gen.Elements(" ", "\n", "\t", "\r\n", "  ")));

    private static Gen<string> Quote(string text) =>
        from escape in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
        select $"\"{string.Concat(text.Select(character => escape || character is '"' or '\\' or < ' ' ? $"\\u{((int)character).ToString("x4", CultureInfo.InvariantCulture)}" : $"{character}"))}\"";

    /// <summary>A value; a number keeps its spelling.</summary>
    internal abstract record Json
    {
        public static readonly Json Null = new Literal("null");
        public static readonly Json True = new Literal("true");
        public static readonly Json False = new Literal("false");

        public sealed record Number(string Text) : Json;

        public sealed record String(string Text) : Json;

        public sealed record Literal(string Text) : Json;

        public sealed record Array(IReadOnlyList<Json> Elements) : Json;

        public sealed record Object(IReadOnlyList<(string Name, Json Value)> Members) : Json
        {
            /// <summary>JavaScript's object and PostgreSQL's jsonb both keep the last of several equal names; null when there is none.</summary>
            public Json? Last(string name) => Members.LastOrDefault(member => member.Name == name).Value;
        }
    }
}
