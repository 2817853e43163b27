namespace LogtoMigrateInit.Reporting;

/// <summary>A number and a noun for a sentence.</summary>
internal static class Counted
{
    /// <summary>Such as <c>1 alteration</c>, <c>2 alterations</c>.</summary>
    /// <param name="noun">In the singular; its plural ends with an s.</param>
    public static string Of(long count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>Such as <c>1 alteration is</c>, <c>2 alterations are</c>.</summary>
    /// <param name="noun">See <see cref="Of"/>.</param>
    public static string Are(long count, string noun) => $"{Of(count, noun)} {(count == 1 ? "is" : "are")}";
}
