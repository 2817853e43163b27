using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Finds the reason of a failure in a tool's error output.</summary>
internal sealed class ToolComplaint(string name, string? tolerated)
{
    private const string Error = ": error: ";
    private const string Entry = ": from TOC entry ";

    private string? _error;
    private string? _entry;
    private string? _last;
    private bool _tolerated;

    /// <summary>Whether the tool had errors, and all were tolerated.</summary>
    public bool IsTolerable => _tolerated && _error is null;

    /// <summary>The first error and its object, or else the last line; null when the tool printed nothing.</summary>
    public string? Text =>
        _error is null ? _last?.TrimEnd('.')
        : _entry is null ? _error.TrimEnd('.')
        : $"{_error.TrimEnd('.')} (at {_entry})";

    /// <summary>
    /// Reads a line, and logs it if it begins with the tool's name. Other lines are not logged, because they may contain a statement or a
    /// row.
    /// </summary>
    public void Hear(string line, ILogger logger)
    {
        _last = line;
        if (!line.StartsWith($"{name}: ", StringComparison.Ordinal))
        {
            return;
        }

        // A line such as "from TOC entry 215; 1259 16402 TABLE users boss" precedes the error.
        if (_error is null && line.IndexOf(Entry, StringComparison.Ordinal) is > 0 and var from)
        {
            _entry = string.Join(' ', line[(from + Entry.Length)..].Split(' ').Skip(3));
        }

        var at = line.IndexOf(Error, StringComparison.Ordinal);
        if (at >= 0 && tolerated is not null && line.Contains(tolerated, StringComparison.Ordinal))
        {
            _tolerated = true;
            return;
        }

        logger.ToolLine(line);
        _error ??= at >= 0 ? line[(at + Error.Length)..] : null;
    }
}
