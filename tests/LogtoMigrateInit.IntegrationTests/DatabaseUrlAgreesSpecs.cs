using System.Text.Json;
using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Fixtures;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Xunit;

namespace LogtoMigrateInit.IntegrationTests;

/// <summary>The gate and the real slonik read a URL alike, or the gate refuses it for one of a few documented reasons.</summary>
public sealed class DatabaseUrlAgreesSpecs
{
    /// <summary>
    /// The only words with which the gate may refuse what slonik's <c>parseDsn</c> lets pass with a database name:
    /// each but the last names a URL that can never bring Logto to PostgreSQL.
    /// </summary>
    private static readonly string[] Refusals =
    [
        // slonik takes any scheme; without the two slashes it reads no host and may call the database "undefined".
        "must start with postgresql:// or postgres://",

        // slonik keeps the brackets, and node-postgres hands them to the resolver, which knows no such name.
        "has an IPv6 address in brackets as its host",

        // The WHATWG parser leaves percent-encodings, non-ASCII letters (percent-encoded) and punctuation in the host of a scheme
        // that it does not know, and slonik does not decode it: no resolver knows such a name.
        "in its host name, which Logto cannot resolve",

        // The same of a list of hosts.
        "names several hosts",

        // slonik reads op://vault/item/field as a host and a database.
        "holds a placeholder",

        // slonik sends the zero byte, which ends the name inside the startup packet.
        "has a zero byte",

        // The one refusal of what Logto may take: the other reading is a password with a raw '/', '?' or '#', parts of which would be
        // looked up, connected to and logged.
        "nobody can tell where its password ends",
    ];

    [Fact(Timeout = 600_000)]
    public async Task The_gate_reads_a_URL_as_slonik_does_or_refuses_it_for_a_documented_reason()
    {
        var urls = DatabaseUrlCorpus.All();
        var answers = await Slonik.ParseAsync(urls, TestContext.Current.CancellationToken);
        var seen = new HashSet<string>();

        var differences = urls.Zip(answers, (url, answer) => Difference(url, answer, seen)).OfType<string>().ToArray();

        Assert.True(differences.Length == 0, $"{differences.Length} of {urls.Count} differ:\n{string.Join('\n', differences)}");
        Assert.Equal(Refusals.Order(), seen.Order());
        TestContext.Current.TestOutputHelper?.WriteLine($"{urls.Count} URLs, {answers.Count(answer => ReadingOf(answer) is null)} of them refused by the CLI, {urls.Count(url => TryParse(url) is null)} by the gate");
    }

    [Fact(Timeout = 600_000)]
    public async Task With_our_name_appended_slonik_reads_the_same_and_the_name()
    {
        var urls = DatabaseUrlCorpus.All().Select(TryParse).OfType<DatabaseUrl>().ToArray();
        var answers = await Slonik.ParseAsync([.. urls.Select(url => new UrlForLogto(url.Text).WithApplicationName("logto-migrate-init 1/2"))], TestContext.Current.CancellationToken);

        Assert.All(urls.Zip(answers), pair =>
        {
            var (url, answer) = pair;
            Assert.Null(answer.Error);
            Assert.Equal(Reading.Of(url), Reading.Of(answer.Value!.Value));
            Assert.Equal("logto-migrate-init 1/2", answer.Value.Value.GetProperty("applicationName").GetString());
        });
    }

    private static string? Difference(string text, SlonikAnswer answer, HashSet<string> seen)
    {
        var slonik = ReadingOf(answer);
        try
        {
            var gate = Reading.Of(DatabaseUrl.Parse(text));
            return Equals(gate, slonik) ? null : $"{JsonSerializer.Serialize(text)}: slonik {slonik?.ToString() ?? answer.Error ?? "finds no database"}, gate {gate}";
        }
        catch (FormatException refusal)
        {
            var documented = Refusals.FirstOrDefault(words => refusal.Message.Contains(words, StringComparison.Ordinal));
            if (slonik is not null && documented is not null)
            {
                seen.Add(documented);
            }

            return slonik is null || documented is not null ? null : $"{JsonSerializer.Serialize(text)}: slonik {slonik}, gate refuses: {refusal.Message}";
        }
    }

    /// <summary>Null when the CLI refuses the URL: it asks for a database name itself (<c>packages/cli/src/database.ts</c>).</summary>
    private static Reading? ReadingOf(SlonikAnswer answer)
    {
        var reading = answer.Value is { } value ? Reading.Of(value) : null;
        return reading?.Database is null ? null : reading;
    }

    private static DatabaseUrl? TryParse(string text)
    {
        try
        {
            return DatabaseUrl.Parse(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>What both must find; a port of 0 is none to node-postgres.</summary>
    private sealed record Reading(string? Host, int? Port, string? User, string? Password, string? Database, string? SslMode, string OtherParameters)
    {
        public static Reading Of(DatabaseUrl url) =>
            new(url.Host, url.Port, url.User, url.Password, url.Database, url.SslMode, Join(url.IgnoredParameters));

        public static Reading Of(JsonElement slonik) => new(
            Text(slonik, "host"),
            slonik.TryGetProperty("port", out var port) && port.GetInt32() is var number and not 0 ? number : null,
            Text(slonik, "username"),
            Text(slonik, "password"),
            Text(slonik, "databaseName"),
            Text(slonik, "sslMode"),
            Join(slonik.GetProperty("parameters").EnumerateArray().Select(each => each.GetString()!).Where(name => name is not ("sslmode" or "application_name"))));

        private static string? Text(JsonElement slonik, string name) =>
            slonik.TryGetProperty(name, out var value) && value.GetString() is { Length: > 0 } text ? text : null;

        private static string Join(IEnumerable<string> names) => string.Join(' ', names.Select(name => $"'{name}'").Order(StringComparer.Ordinal));
    }
}
