namespace LogtoMigrateInit.Settings;

/// <summary><c>DB_URL</c> for Logto's own programs. This program connects with the parts of <see cref="ServerTarget"/>.</summary>
/// <param name="Text">The URL as given, without the white space that the WHATWG parser drops. Holds the password: never show it.</param>
internal sealed record UrlForLogto(string Text)
{
    /// <summary>Adds a name for the sessions. slonik's pool takes the last <c>application_name</c> of the URL.</summary>
    public string WithApplicationName(string name)
    {
        var address = Text.Split('#')[0];
        return $"{address}{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}application_name={Uri.EscapeDataString(name)}";
    }

    /// <summary>Returns a URL of another database on the same server.</summary>
    public UrlForLogto WithDatabase(string name)
    {
        var address = Text.Split('#')[0];
        var query = address.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? address[at..] : "";
        var beforeQuery = address[..^query.Length];
        var authority = beforeQuery.IndexOf("://", StringComparison.Ordinal) + "://".Length;
        var path = beforeQuery.IndexOf('/', authority);
        return new UrlForLogto($"{(path < 0 ? beforeQuery : beforeQuery[..path])}/{Uri.EscapeDataString(name)}{query}");
    }
}
