using System.Text.RegularExpressions;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>Follows the output of a started Logto: notes the ports on which it listens, and keeps its first error.</summary>
/// <param name="databasePassword">The password to mask; null when there is none.</param>
/// <param name="ports">The ports on which Logto must listen.</param>
internal sealed partial class ServerOutput(string? databasePassword, IReadOnlyList<int> ports, ILogger logger)
{
    private const int LongestComplaint = 500;

    /// <summary>The most lines that are kept of an error that is printed as an object, such as zod's.</summary>
    private const int MostFollowing = 8;

    private readonly SecretMask _mask = new(databasePassword);
    private readonly CliComplaint _complaint = new();
    private readonly HashSet<string> _open = [];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _complained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _error;
    private int _following;
    private bool _portTaken;

    /// <summary>Completes when Logto listens on all ports.</summary>
    public Task Listening => _listening.Task;

    /// <summary>Completes when Logto has printed an error.</summary>
    public Task Complained => _complained.Task;

    /// <summary>Whether another process took a port before Logto did.</summary>
    public bool PortTaken
    {
        get
        {
            lock (_gate)
            {
                return _portTaken;
            }
        }
    }

    /// <summary>The first error on one line, masked; without an error the last significant line; empty without output.</summary>
    public string Complaint
    {
        get
        {
            lock (_gate)
            {
                var text = _mask.Apply(_error ?? _complaint.Text);
                return text.Length > LongestComplaint ? $"{text[..LongestComplaint]}…" : text;
            }
        }
    }

    /// <summary>Reads one of Logto's streams to its end.</summary>
    public Task FollowAsync(Stream stream, string name, CancellationToken cancellationToken) =>
        OutputLines.ReadAsync(stream, (line, _) => Take(line, name), cancellationToken);

    private void Take(string line, string stream)
    {
        if (line.StartsWith(ServerGuard.LinePrefix, StringComparison.Ordinal))
        {
            Open(line[ServerGuard.LinePrefix.Length..]);
            return;
        }

        lock (_gate)
        {
            _portTaken |= line.Contains("EADDRINUSE", StringComparison.Ordinal)
                && ports.Any(port => line.Contains($":{port}", StringComparison.Ordinal));
            Hear(line);
        }

        if (logger.IsEnabled(LogLevel.Debug))
        {
            logger.ServerLine(stream, _mask.Apply(line));
        }
    }

    private void Open(string port)
    {
        lock (_gate)
        {
            _open.Add(port);
            if (ports.All(each => _open.Contains($"{each}")))
            {
                _listening.TrySetResult();
            }
        }
    }

    private void Hear(string line)
    {
        if (_error is not null)
        {
            if (_following > 0)
            {
                _following = line.StartsWith(']') || line.StartsWith('}') ? 0 : _following - 1;
                _error += $" {line.Trim()}";
            }
        }
        else if (ErrorLine().Match(line) is { Success: true } error && !error.Groups[1].Value.TrimEnd().EndsWith(':'))
        {
            _error = error.Groups[1].Value.Trim();
            _following = _error.EndsWith('[') || _error.EndsWith('{') ? MostFollowing : 0;
            _complained.TrySetResult();
        }
        else
        {
            _complaint.Hear(line);
        }
    }

    // Matches an error line of core's logger: its source, then `error` or `fatal` (packages/shared/src/node/env/ConsoleLog.ts). A line that
    // ends with a colon only announces the error.
    [GeneratedRegex(@"^\S{1,32}\s+(?:error|fatal)\s+(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorLine();
}
