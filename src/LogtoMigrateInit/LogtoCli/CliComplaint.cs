using System.Text.RegularExpressions;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Finds the reason of a failure in the CLI's output. Logto's logger, Node.js and V8 each print it differently, and print more after it.
/// </summary>
internal sealed partial class CliComplaint
{
    private string? _outOfMemory;
    private string? _firstError;
    private string? _dependency;
    private string _lastWords = "";

    /// <summary>
    /// The reason on one line, with secrets. Without a recognized reason it is the last significant line; without output it is empty.
    /// </summary>
    public string Text =>
        _outOfMemory ?? (_firstError is not null && _dependency is not null ? $"{_firstError} ({_dependency})" : _firstError) ?? _lastWords;

    /// <summary>
    /// Whether the server had no connection left for the CLI, or did not answer within the CLI's connect time-out of five seconds.
    /// </summary>
    public bool FoundNoConnection { get; private set; }

    /// <summary>Takes the next line of output, unmasked.</summary>
    public void Hear(string line)
    {
        if (HeapIsFull().IsMatch(line))
        {
            _outOfMemory ??= "Node.js ran out of memory; give it more with NODE_OPTIONS=--max-old-space-size=MEGABYTES, and the " +
                "container as much and some more";
        }

        if (_firstError is null && ErrorLine().Match(line) is { Success: true } error)
        {
            var reason = error.Groups["reason"].Value.Trim();
            _firstError = ConnectionLimit.Find(reason) is { } limit ? $"{reason}; {limit.Remedy}" : reason;
            FoundNoConnection |= ConnectionLimit.Find(reason) is not null || NoAnswer().IsMatch(reason);
        }

        // All other details of a server's error may contain values of rows.
        _dependency ??= Dependency().Match(line) is { Success: true } dependency ? dependency.Groups[1].Value : null;

        // Only the SQLSTATE as node-postgres prints it counts, because the digits alone may be part of any value.
        FoundNoConnection |= TooManyConnections().IsMatch(line);
        if (!FollowsTheReason().IsMatch(line))
        {
            _lastWords = line.Trim();
        }
    }

    // Matches an error line of the CLI's logger (`[error] ` before 1.2), a server's error from node-postgres, an uncaught exception from
    // Node.js (`Error [ERR_MODULE_NOT_FOUND]: …`, `[UnhandledPromiseRejection: …`), and a fatal error of V8.
    [GeneratedRegex(@"^(?:\[?error\]?\s+(?:error: )?|error: |(?=\[?\w*(?:Error|Rejection|Exception)(?: \[\w+\])?: )|(?=FATAL ERROR: " +
        "))(?<reason>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorLine();

    [GeneratedRegex("^FATAL ERROR: .*(?:heap out of memory|heap limit|process out of memory)", RegexOptions.CultureInvariant)]
    private static partial Regex HeapIsFull();

    [GeneratedRegex(@"^\s*code: '53300',?$", RegexOptions.CultureInvariant)]
    private static partial Regex TooManyConnections();

    [GeneratedRegex(@"^\s*detail: ['""`]([\w .""()]+ depends on [\w .""()]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Dependency();

    // The time-outs of pg/lib/client.js and pg-pool/index.js, both five seconds; the CLI has no option for them. The text must be alone on
    // its line, because a value may contain these words too.
    [GeneratedRegex(@"^(?:\w*Error: )?(?:timeout expired|Connection terminated due to connection timeout|timeout exceeded when trying " +
        "to connect)$", RegexOptions.CultureInvariant)]
    private static partial Regex NoAnswer();

    // Matches progress, stack frames of JavaScript and V8, details (which may contain values of rows), ends of objects, Node.js's version,
    // and yargs's advice.
    [GeneratedRegex(@"^(?:\[?info\]?\s|\s+at |\s*detail: |\s*\d+: 0x[0-9a-f]+ |[\s\]}),^]*$|Node\.js v\d|Specify --help)",
        RegexOptions.CultureInvariant)]
    private static partial Regex FollowsTheReason();
}
