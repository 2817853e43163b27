using System.Text.RegularExpressions;
using LogtoMigrateInit.PostgreSql;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Finds the reason in what a failing CLI prints: Logto's logger, Node.js and V8 each put it elsewhere, and other lines after it.
/// </summary>
internal sealed partial class CliComplaint
{
    private string? _outOfMemory;
    private string? _firstError;
    private string? _dependency;
    private string _lastWords = "";

    /// <summary>
    /// The reason on one line, unmasked; the last words when nothing looks like a reason; empty when nothing was said.
    /// </summary>
    public string Text =>
        _outOfMemory ?? (_firstError is not null && _dependency is not null ? $"{_firstError} ({_dependency})" : _firstError) ?? _lastWords;

    /// <summary>
    /// The server had no connection left for the CLI, or did not answer it within the five seconds that the CLI has for that.
    /// </summary>
    public bool FoundNoConnection { get; private set; }

    /// <summary>Takes the next line, as the CLI printed it.</summary>
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

        // Of the details that a server gives only this one is no value of a row.
        _dependency ??= Dependency().Match(line) is { Success: true } dependency ? dependency.Groups[1].Value : null;

        // As node-postgres shows an error's SQLSTATE; the digits alone may stand in any value.
        FoundNoConnection |= TooManyConnections().IsMatch(line);
        if (!FollowsTheReason().IsMatch(line))
        {
            _lastWords = line.Trim();
        }
    }

    // As the CLI's logger begins a line, `[error] ` before 1.2; as node-postgres names a server's error; or as Node.js begins an exception
    // that nobody caught (`Error [ERR_MODULE_NOT_FOUND]: …`, `[UnhandledPromiseRejection: …`) and V8 its own end.
    [GeneratedRegex(@"^(?:\[?error\]?\s+(?:error: )?|error: |(?=\[?\w*(?:Error|Rejection|Exception)(?: \[\w+\])?: )|(?=FATAL ERROR: " +
        "))(?<reason>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorLine();

    [GeneratedRegex("^FATAL ERROR: .*(?:heap out of memory|heap limit|process out of memory)", RegexOptions.CultureInvariant)]
    private static partial Regex HeapIsFull();

    [GeneratedRegex(@"^\s*code: '53300',?$", RegexOptions.CultureInvariant)]
    private static partial Regex TooManyConnections();

    [GeneratedRegex(@"^\s*detail: ['""`]([\w .""()]+ depends on [\w .""()]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Dependency();

    // pg/lib/client.js, and pg-pool/index.js when its own clock, of the same five seconds, runs out first; the CLI lets nobody change the
    // limit. Alone on its line, for a value may hold these words too.
    [GeneratedRegex(@"^(?:\w*Error: )?(?:timeout expired|Connection terminated due to connection timeout|timeout exceeded when trying " +
        "to connect)$", RegexOptions.CultureInvariant)]
    private static partial Regex NoAnswer();

    // Progress, stack frames of JavaScript and of V8, details, which may hold values of rows, ends of objects, Node.js's version, and
    // yargs's advice.
    [GeneratedRegex(@"^(?:\[?info\]?\s|\s+at |\s*detail: |\s*\d+: 0x[0-9a-f]+ |[\s\]}),^]*$|Node\.js v\d|Specify --help)",
        RegexOptions.CultureInvariant)]
    private static partial Regex FollowsTheReason();
}
