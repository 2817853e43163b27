namespace LogtoMigrateInit.Reporting;

/// <summary>Formats a number with a noun in the singular or the plural.</summary>
internal static class Counted
{
    /// <summary>Returns a text such as <c>1 alteration</c> or <c>2 alterations</c>.</summary>
    /// <param name="noun">The singular of a noun whose plural ends with an s.</param>
    public static string Of(long count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>Returns a text such as <c>1 alteration is</c> or <c>2 alterations are</c>.</summary>
    /// <param name="noun">The singular of a noun whose plural ends with an s.</param>
    public static string Are(long count, string noun) => $"{Of(count, noun)} {(count == 1 ? "is" : "are")}";
}
